"""The UNet against a plain composition of public operations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers import compilation
from genesis_keras.layers.unet import UNet, downsample


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), "float32")


def perturb(layer):
    for i, variable in enumerate(layer.trainable_variables):
        variable.assign(variable + 0.1 * normal(*variable.shape, seed=i))


def plain_block(block, x):
    x = tf.nn.conv2d(x, block.conv.kernel, 1, "SAME")
    groups = x.shape[-1] if block.groups == -1 else block.groups
    plain = keras.layers.GroupNormalization(
        groups, epsilon=1e-5, center=False, scale=False
    )
    return tf.nn.relu(plain(x) * block.norm.gamma + block.norm.beta)


def plain_unet(unet, x):
    """The specification written out, with the weights of `unet`."""
    skips = []
    for i, block in enumerate(unet.down_blocks):
        x = plain_block(block, x if i == 0 else x[:, ::2, ::2])
        skips.append(x)
    shape = tf.shape(x)
    x = tf.reshape(x, [shape[0], -1])
    for layer in unet.bottleneck:
        x = tf.nn.relu(x @ tf.convert_to_tensor(layer.kernel) + layer.bias)
    x = tf.reshape(x, shape)
    for i, block in enumerate(unet.up_blocks):
        if i:
            x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
        x = plain_block(block, tf.concat([x, skips[-1 - i]], axis=-1))
    return x


def values_and_gradients(function, x, unet):
    sources = [x, *(v.value for v in unet.trainable_variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        y = function(x)
    upstream = normal(*y.shape, seed=7)
    return [y, *tape.gradient(y, sources, output_gradients=upstream)]


@pytest.mark.parametrize("compiled", [False, True])
def test_values_and_gradients_equal_the_plain_composition(compiled, monkeypatch):
    monkeypatch.setattr(compilation, "MIN_SIZE", 0)
    unet, x = UNet(16), normal(2, 16, 16, 3)
    unet(x)
    perturb(unet)
    run = tf.function if compiled else lambda f: f
    actual = run(lambda x: values_and_gradients(unet, x, unet))(x)
    expected = values_and_gradients(lambda x: plain_unet(unet, x), x, unet)
    for a, e in zip(actual, expected, strict=True):
        # A dozen layers, each rounding at 6e-8, some of them badly conditioned.
        np.testing.assert_allclose(a, e, rtol=0, atol=1e-4 * np.abs(e).max())
        assert np.abs(e).max() > 0


def test_instance_normalisation():
    unet, x = UNet(4, norm_groups=-1), normal(2, 16, 16, 3)
    unet(x)
    perturb(unet)
    np.testing.assert_allclose(unet(x), plain_unet(unet, x), atol=1e-4)


@pytest.mark.parametrize(
    ("side", "down", "up"),
    [
        (32, [1, 2, 2, 2], [2, 2, 1, 1]),
        (64, [1, 1, 2, 2, 2], [2, 2, 1, 1, 1]),
        (128, [1, 1, 1, 2, 2, 2], [2, 2, 1, 1, 1, 1]),
    ],
)
def test_shapes_and_channels(side, down, up):
    """models.md: n = log2(side) - 1 blocks of c or 2c channels."""
    unet = UNet(8)
    y = unet(normal(1, side, side, 3))
    assert y.shape == (1, side, side, 8)
    assert np.min(y) >= 0.0
    assert [block.filters for block in unet.down_blocks] == [8 * n for n in down]
    assert [block.filters for block in unet.up_blocks] == [8 * n for n in up]
    below = [down[-1], *up[:-1]]
    for block, b, skip in zip(unet.up_blocks, below, down[::-1], strict=True):
        assert block.conv.kernel.shape[2] == 8 * (b + skip)
    assert [layer.units for layer in unet.bottleneck] == [128, 128, 16 * 8 * down[-1]]


def test_downsample_takes_every_second_pixel_from_the_first():
    x = normal(2, 8, 8, 3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = downsample(x)
    np.testing.assert_array_equal(y, x[:, ::2, ::2])
    upstream = normal(*y.shape, seed=1)
    gradient = tape.gradient(y, x, output_gradients=upstream).numpy()
    np.testing.assert_array_equal(gradient[:, ::2, ::2], upstream)
    assert np.count_nonzero(gradient) == upstream.numpy().size


def test_unknown_batch_size():
    unet, x = UNet(8), normal(3, 16, 16, 3)
    traced = tf.function(
        lambda x: unet(x), input_signature=[tf.TensorSpec([None, 16, 16, 3])]
    )
    expected = unet(x)
    np.testing.assert_allclose(traced(x), expected, atol=1e-5)
    np.testing.assert_allclose(traced(x[:1]), expected[:1], atol=1e-5)


def test_saved_and_loaded(tmp_path):
    inputs = keras.Input([16, 16, 3])
    model = keras.Model(inputs, UNet(8)(inputs))
    perturb(model)
    model.save(tmp_path / "unet.keras")
    loaded = keras.models.load_model(tmp_path / "unet.keras")
    x = normal(2, 16, 16, 3)
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("shape", [(16, 32), (24, 24), (8, 8), (None, None)])
def test_bad_sides(shape):
    with pytest.raises(ValueError, match="power of two"):
        UNet(8).build((None, *shape, 3))
