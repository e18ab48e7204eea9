"""Both gated convolutions, compared with NumPy loops over pixels and taps."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.blocks import mirror
from genesis_keras.layers.gated_convolution import GatedConvolution, gate
from genesis_keras.layers.gated_transposed_convolution import (
    GatedTransposedConvolution,
)

FILTERS = 3


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def perturb(layer):
    for i, weight in enumerate(layer.weights):
        weight.assign(np.abs(weight + 0.3 * normal(*weight.shape, seed=i)) + 0.1)
    layer.kernel.assign(normal(*layer.kernel.shape))


def convolved(x, kernel, strides):
    """Pads 2 on both sides, then moves a 5x5 window."""
    padded = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    batch, height, width, _ = x.shape
    y = np.zeros([batch, height // strides, width // strides, kernel.shape[-1]])
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            top, left = i * strides, j * strides
            window = padded[:, top : top + 5, left : left + 5]
            y[:, i, j] = np.tensordot(window, kernel, 3)
    return y


def transposed(x, kernel, strides):
    """Every pixel adds a 5x5 patch; 2 rows and columns are cropped before."""
    batch, height, width, _ = x.shape
    patches = np.einsum("nhwc,ijfc->nhwijf", x, kernel)
    canvas = np.zeros(
        [batch, height * strides + 5, width * strides + 5, kernel.shape[2]]
    )
    for i in range(height):
        for j in range(width):
            top, left = i * strides, j * strides
            canvas[:, top : top + 5, left : left + 5] += patches[:, i, j]
    return canvas[:, 2 : 2 + height * strides, 2 : 2 + width * strides]


def gated(y, layer, training):
    """The halves apart: normalised, then the first times sigmoid(the second)."""
    halves = []
    for part in (slice(0, FILTERS), slice(FILTERS, None)):
        z = y[..., part] + layer.bias.numpy()[part]
        norm = layer.norm
        mean, variance = (
            (z.mean((0, 1, 2)), z.var((0, 1, 2)))
            if training
            else (norm.moving_mean.numpy()[part], norm.moving_variance.numpy()[part])
        )
        z = (z - mean) / np.sqrt(variance + 1e-5)
        halves.append(z * norm.gamma.numpy()[part] + norm.beta.numpy()[part])
    features, gates = halves
    return features / (1.0 + np.exp(-gates))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize(
    ("layer_class", "oracle"),
    [(GatedConvolution, convolved), (GatedTransposedConvolution, transposed)],
)
def test_equals_the_loop(layer_class, oracle, strides, training):
    layer, x = layer_class(FILTERS, strides), normal(2, 4, 6, 2)
    layer.build(x.shape)
    perturb(layer)
    expected = gated(oracle(x, layer.kernel.numpy(), strides), layer, training)
    actual = layer(x, training=training)
    np.testing.assert_allclose(actual, expected, atol=2e-5)
    assert np.abs(expected).max() > 0.1


def test_mirrored_images_stay_mirrored():
    layer, x = GatedTransposedConvolution(FILTERS, 2), tf.constant(normal(2, 4, 4, 2))
    expected = layer(x)
    np.testing.assert_allclose(
        mirror(layer(mirror(x), mirrored=True)), expected, atol=1e-6
    )


def test_gate_by_hand():
    x = tf.constant([[2.0, -3.0, 0.0, 100.0]])
    np.testing.assert_allclose(gate(x), [[1.0, -3.0]])


@pytest.mark.parametrize(
    ("layer_class", "fan_in"),
    [(GatedConvolution, 25 * 4), (GatedTransposedConvolution, 25 * 2 * 8)],
)
def test_initial_weights_and_config(layer_class, fan_in):
    layer = layer_class(8, 2, name="gated")
    layer.build((None, 8, 8, 4))
    largest = np.abs(layer.kernel.numpy()).max() * np.sqrt(fan_in)
    assert 0.99 < largest <= 1.0 + 1e-6
    clone = layer_class.from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()
