"""Which parts of a model are compiled, and that they compute the same."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers import compilation
from genesis_keras.layers.compilation import (
    MIN_SIZE,
    without_compilation,
    worth_compiling,
)
from genesis_keras.layers.edge_aware import edge_aware_smoothing
from genesis_keras.layers.mixed_pixels import assign_mixed_pixels


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    monkeypatch.setattr(compilation, "is_cpu_only", lambda: True)


def in_a_graph(shape):
    """What `worth_compiling` says while a graph is traced."""
    answers = []

    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def trace(x):
        answers.append(worth_compiling(x.shape))

    trace.get_concrete_function()
    return answers[0]


def test_only_large_tensors_of_known_shape_in_graphs(monkeypatch):
    large = MIN_SIZE // 64
    assert in_a_graph([4, 4, 4, large])
    assert not in_a_graph([None, 4, 4, large])
    assert not in_a_graph([4, 4, 4, large - 1])
    assert not worth_compiling([4, 4, 4, large])
    monkeypatch.setattr(compilation, "is_cpu_only", lambda: False)
    assert not in_a_graph([4, 4, 4, large])


def test_not_where_it_is_forbidden():
    with without_compilation():
        with without_compilation():
            assert not in_a_graph([MIN_SIZE])
        assert not in_a_graph([MIN_SIZE])
    assert in_a_graph([MIN_SIZE])
    with pytest.raises(ZeroDivisionError), without_compilation():
        raise ZeroDivisionError
    assert in_a_graph([MIN_SIZE])


def exchanged(images):
    """Object masks that are squares, after their mixed pixels were reassigned."""
    columns = tf.linspace(-1.0, 1.0, images.shape[2])
    logits = tf.stack([columns * 0.0, 9.0 - 20.0 * tf.abs(columns)])  # [K, W]
    logits = tf.tile(logits[None, :, None, :, None], [len(images), 1, 8, 1, 1])
    log_masks = tf.nn.log_softmax(logits * images[:, None, :, :, :1], axis=1)
    slots = {
        "masks": tf.exp(log_masks),
        "log_masks": log_masks,
        "num_slots": tf.fill([len(images)], 2),
        "seeds": tf.zeros([len(images), 2], tf.int32),
    }
    return assign_mixed_pixels(images, slots, 0.3)["log_masks"]


PARTS = {
    "_compiled_smooth": lambda images: edge_aware_smoothing(images, images, 3, 0.5),
    "_owners": exchanged,
}


@pytest.mark.parametrize("name", PARTS)
def test_compiled_parts_have_the_same_values_and_gradients(name, monkeypatch):
    images = tf.random.stateless_uniform([2, 8, 8, 3], [0, 1])

    def run(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            result = PARTS[name](images)
            total = tf.reduce_sum(result * tf.cos(5.0 * result))
        return result, tape.gradient(total, images)

    plain = tf.function(run)
    expected = plain(images)
    monkeypatch.setattr(compilation, "MIN_SIZE", 0)
    compiled = tf.function(run)
    for actual, value in zip(compiled(images), expected, strict=True):
        np.testing.assert_allclose(actual, value, rtol=1e-4, atol=1e-5)
    assert np.abs(expected[1]).max() > 0.01

    def is_called(function):
        graph = function.get_concrete_function(images).graph.as_graph_def()
        return any(name in each.signature.name for each in graph.library.function)

    assert is_called(compiled) and not is_called(plain)
