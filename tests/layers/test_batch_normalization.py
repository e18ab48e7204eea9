"""Against NumPy formulas, and against Keras's own layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.batch_normalization import BatchNormalization


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), "float32")


def make_layer(channels=3):
    layer = BatchNormalization()
    layer.build((None, None, None, channels))
    for i, weight in enumerate(layer.weights):
        weight.assign(1.5 + 0.3 * normal(channels, seed=10 + i))
    return layer


def values(layer):
    return [weight.numpy() for weight in layer.weights]


def test_training_normalises_by_the_batch_and_moves_the_averages():
    layer, x, bias = make_layer(), normal(4, 3, 5, 3), normal(3, seed=1)
    gamma, beta, mean, variance = values(layer)
    y = layer(x, bias=bias, training=True)
    z = (x + bias).numpy().astype("float64")
    batch_mean, batch_variance = z.mean((0, 1, 2)), z.var((0, 1, 2))
    expected = (z - batch_mean) / np.sqrt(batch_variance + 1e-5) * gamma + beta
    np.testing.assert_allclose(y, expected, atol=1e-5)
    unbiased = batch_variance * 60 / 59  # as the release counts, 4 * 3 * 5 values
    np.testing.assert_allclose(
        layer.moving_mean, 0.9 * mean + 0.1 * batch_mean, rtol=1e-5
    )
    np.testing.assert_allclose(
        layer.moving_variance, 0.9 * variance + 0.1 * unbiased, rtol=1e-5
    )


@pytest.mark.parametrize("call", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_evaluation_normalises_by_the_averages_and_keeps_them(call):
    layer, x, bias = make_layer(), normal(1, 3, 5, 3), normal(3, seed=1)
    before = values(layer)
    gamma, beta, mean, variance = before
    y = call(lambda x: layer(x, bias=bias))(x)
    expected = (x + bias - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for old, new in zip(before, values(layer), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_keras(training):
    layer, x, bias = make_layer(), normal(4, 3, 5, 3), normal(3, seed=1)
    plain = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    upstream = normal(*x.shape, seed=2)
    results = []
    for function, owner in (
        (lambda: layer(x, bias=bias, training=training), layer),
        (lambda: plain(x + bias, training=training), plain),
    ):
        sources = [x, bias, owner.gamma.value, owner.beta.value]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            y = function()
        results.append([y, *tape.gradient(y, sources, output_gradients=upstream)])
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, atol=2e-5)
    is_zero = np.abs(results[0][2]).max() == 0
    assert is_zero == training  # a batch's mean takes the bias away


def test_mixed_precision_and_config():
    layer = BatchNormalization(momentum=0.5, dtype="mixed_bfloat16", name="norm")
    for training in (True, False):
        assert layer(normal(2, 4, 4, 3), training=training).dtype == "bfloat16"
    assert layer.moving_mean.dtype == "float32"
    clone = BatchNormalization.from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()


def test_bad_momentum_is_named():
    with pytest.raises(ValueError, match="momentum.*1.0"):
        BatchNormalization(momentum=1.0)
