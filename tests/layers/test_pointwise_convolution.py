"""`PointwiseConv2D` is compared with `keras.layers.Conv2D`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.pointwise_convolution import PointwiseConv2D


def layers(filters, kernel_size, channels, **kwargs):
    """A `PointwiseConv2D` and a `Conv2D` of the same weights."""
    pair = []
    for layer_class in (PointwiseConv2D, keras.layers.Conv2D):
        layer = layer_class(filters, kernel_size, **kwargs)
        layer.build((None, 5, 6, channels))
        pair.append(layer)
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape).astype("float32") for w in pair[0].weights]
    for layer in pair:
        layer.set_weights(weights)
    return pair


def images(channels):
    values = np.random.default_rng(1).normal(size=(3, 5, 6, channels))
    return tf.constant(values, "float32")


def gradients(layer, inputs):
    """The output, and gradients of a fixed projection of it."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = layer(inputs)
        weights = tf.reshape(tf.range(tf.size(y), dtype=y.dtype), tf.shape(y))
        loss = tf.reduce_sum(tf.sin(weights) * y)
    sources = [inputs, *(v.value for v in layer.trainable_variables)]
    return y, *tape.gradient(loss, sources)


def operations(layer, inputs):
    """Types of the operations in the graph of a call."""
    graph = tf.function(layer).get_concrete_function(inputs).graph
    return {op.type for op in graph.get_operations()}


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"use_bias": False},
        {"activation": "relu"},
        {"strides": 2},
        {"groups": 2},
        {"kernel_size": 3, "padding": "same"},
    ],
)
def test_outputs_and_gradients_are_those_of_a_convolution(kwargs):
    kwargs = {"kernel_size": 1, **kwargs}
    ours, theirs = layers(4, channels=8, **kwargs)
    x = images(8)
    for actual, expected in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_float32_multiplies_matrices_and_16_bits_convolve():
    single, _ = layers(4, 1, 8)
    assert "MatMul" in operations(single, images(8))
    assert "Conv2D" not in operations(single, images(8))
    half, _ = layers(4, 1, 8, dtype="mixed_bfloat16")
    assert "Conv2D" in operations(half, images(8))
    assert half(images(8)).dtype == "bfloat16"


def test_other_convolutions_stay_convolutions():
    wide, _ = layers(4, 3, 8)
    assert "Conv2D" in operations(wide, images(8))


def test_it_can_be_loaded_again():
    layer, _ = layers(4, 1, 8)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    copy.set_weights(layer.get_weights())
    assert isinstance(copy, PointwiseConv2D)
    np.testing.assert_array_equal(copy(images(8)), layer(images(8)))


def test_shapes_that_are_only_known_when_it_runs():
    layer, _ = layers(4, 1, 8)
    call = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 8])])
    assert call.get_concrete_function().output_shapes.as_list() == [None, None, None, 4]
    np.testing.assert_allclose(call(images(8)), layer(images(8)), rtol=1e-6)
