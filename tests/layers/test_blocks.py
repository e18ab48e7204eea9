"""The blocks, compared with public operations and explicit cropping."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.blocks import (
    conv,
    conv_upsampled,
    coordinates,
    dense,
    mirror,
)
from genesis_keras.layers.conv_block import ConvBlock
from genesis_keras.layers.up_conv_block import UpConvBlock


def normal(*shape, seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(size=shape), dtype)


def gradients(function, sources, seed=9):
    """The output, and gradients for a random direction of it."""
    with tf.GradientTape() as tape:
        tape.watch(sources)
        y = function()
    upstream = normal(*y.shape, seed=seed, dtype=y.dtype)
    return y, tape.gradient(y, sources, output_gradients=upstream)


def assert_all_near(actual, expected, tolerance=1e-5):
    for a, e in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        bound = tolerance * np.abs(e).max()
        np.testing.assert_allclose(a, e, rtol=0, atol=bound)


def repeated(x):
    return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)


def normalized(x, norm):
    groups = x.shape[-1] if norm.groups == -1 else norm.groups
    plain = keras.layers.GroupNormalization(
        groups, epsilon=1e-5, center=False, scale=False
    )
    return tf.nn.relu(plain(x) * norm.gamma + norm.beta)


def perturb(layer):
    """Sets weights to random values, since ones and zeros hide mistakes."""
    for i, variable in enumerate(layer.trainable_variables):
        variable.assign(variable + 0.3 * normal(*variable.shape, seed=i))


def test_coordinates_are_row_then_column():
    grid = coordinates(3, 5).numpy()
    assert grid.shape == (3, 5, 2)
    np.testing.assert_allclose(grid[:, 2, 0], [-1, 0, 1])
    np.testing.assert_allclose(grid[1, :, 1], [-1, -0.5, 0, 0.5, 1])


@pytest.mark.parametrize("side", [1, 4, 5])
def test_conv_upsampled_is_upsampling_then_convolution(side):
    x, kernel = normal(2, side, side, 3), normal(3, 3, 3, 4, seed=1)
    actual = gradients(lambda: conv_upsampled(x, kernel), [x, kernel])
    expected = gradients(
        lambda: tf.nn.conv2d(repeated(x), kernel, 1, "SAME"), [x, kernel]
    )
    assert_all_near(actual, expected)


def test_up_conv_of_one_pixel_is_the_kernel_cropped():
    """Stride 2, crop 2 before: output (y, x) = input * kernel[y + 2, x + 2]."""
    block = UpConvBlock(8)
    block.build([None, 1, 1, 1])
    block.bias.assign(tf.zeros([8]))
    taps = block.kernel.numpy()[2:4, 2:4, :, 0]
    captured = []
    block.norm = lambda x, bias: captured.append(x) or x
    block.call(tf.fill([1, 1, 1, 1], 2.0))
    np.testing.assert_allclose(mirror(captured[0])[0], 2.0 * taps, rtol=1e-6)


@pytest.mark.parametrize("mirrored", [False, True])
def test_up_conv_block_is_a_cropped_transposed_convolution(mirrored):
    block = UpConvBlock(16)
    x = normal(2, 4, 6, 5)
    block(x)
    perturb(block)
    turn = mirror if mirrored else tf.identity
    sources = [x, *(v.value for v in block.trainable_variables)]

    def oracle():
        full = tf.nn.conv2d_transpose(
            x, block.kernel, [2, 2 * 4 + 3, 2 * 6 + 3, 16], 2, "VALID"
        )
        return normalized(full[:, 2:-1, 2:-1] + block.bias, block.norm)

    actual = gradients(lambda: turn(block(turn(x), mirrored=mirrored)), sources)
    assert_all_near(actual, gradients(oracle, sources), 2e-5)


@pytest.mark.parametrize("groups", [8, -1])
def test_conv_block_is_convolution_norm_relu(groups):
    block = ConvBlock(16, groups=groups)
    x = normal(2, 6, 6, 5)
    block(x)
    perturb(block)
    sources = [x, *(v.value for v in block.trainable_variables)]
    actual = gradients(lambda: block(x), sources)
    expected = gradients(
        lambda: normalized(tf.nn.conv2d(x, block.conv.kernel, 1, "SAME"), block.norm),
        sources,
    )
    assert_all_near(actual, expected, 2e-5)
    assert np.min(actual[0]) == 0.0


def test_conv_block_puts_what_is_below_first():
    block = ConvBlock(16)
    x, below = normal(2, 8, 8, 5), normal(2, 4, 4, 3, seed=1)
    block(x, below=below)
    perturb(block)
    assert block.conv.kernel.shape == (3, 3, 8, 16)
    sources = [x, below, *(v.value for v in block.trainable_variables)]

    def oracle():
        joined = tf.concat([repeated(below), x], axis=-1)
        return normalized(
            tf.nn.conv2d(joined, block.conv.kernel, 1, "SAME"), block.norm
        )

    actual = gradients(lambda: block(x, below=below), sources)
    assert_all_near(actual, gradients(oracle, sources), 2e-5)


def test_initial_weights_are_uniform_in_the_fan_in_bounds():
    dense_layer = dense(64, in_features=100)
    dense_layer.build([None, 100])
    conv_layer = conv(32, 3, in_channels=7)
    conv_layer.build([None, 8, 8, 7])
    up = UpConvBlock(16)
    up.build([None, 4, 4, 3])
    for layer, fan_in in (
        (dense_layer, 100),
        (conv_layer, 9 * 7),
        (up, 25 * 16),  # of a transposed convolution: kernel area x outputs
    ):
        for variable in (layer.kernel, layer.bias):
            largest = np.abs(variable.numpy()).max() * np.sqrt(fan_in)
            # Of n uniform draws the largest misses the bound by about 1 / n.
            assert 1.0 - 10.0 / variable.numpy().size < largest <= 1.0 + 1e-6
    np.testing.assert_array_equal(up.norm.gamma, np.ones(16))
    np.testing.assert_array_equal(up.norm.beta, np.zeros(16))


@pytest.mark.parametrize("layer", [ConvBlock(16), UpConvBlock(16)])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_unknown_sides_and_batch(layer, policy):
    layer = type(layer).from_config({**layer.get_config(), "dtype": policy})
    layer.build([None, None, None, 4])
    signature = [tf.TensorSpec([None, None, None, 4])]
    traced = tf.function(lambda x: layer(x), input_signature=signature)
    for shape in ([1, 4, 6, 4], [3, 8, 2, 4]):
        x = normal(*shape)
        y, expected = traced(x), layer(x)
        assert y.dtype == layer.compute_dtype
        tolerance = 1e-5 if policy == "float32" else 2**-6
        assert_all_near(tf.cast(y, "float32"), tf.cast(expected, "float32"), tolerance)
