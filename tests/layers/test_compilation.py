"""Which parts of a model are compiled, and that they compute the same."""

import pytest
import tensorflow as tf

from genesis_keras.layers import compilation
from genesis_keras.layers.compilation import (
    MIN_SIZE,
    without_compilation,
    worth_compiling,
)


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
