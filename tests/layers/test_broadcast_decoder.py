"""The decoder, compared with a loop over images and slots."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers import compilation
from genesis_keras.layers.broadcast_decoder import BroadcastDecoder
from genesis_keras.models.genesis_v2 import GenesisV2


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), "float32")


def make_decoder(image_size=32, filters=16, dim=6):
    decoder = BroadcastDecoder(image_size, (filters,) * 4)
    decoder.build([None, 2, dim])
    for i, variable in enumerate(decoder.trainable_variables):
        variable.assign(variable + 0.1 * normal(*variable.shape, seed=i))
    return decoder


def plain_decoder(decoder, latents):
    """Each slot on its own, by public operations, nothing mirrored."""
    means, logits = [], []
    for image in tf.unstack(latents):
        outputs = [plain_slot(decoder, latent) for latent in tf.unstack(image)]
        means.append(tf.stack([tf.sigmoid(y[..., :3]) for y in outputs]))
        logits.append(tf.stack([y[..., 3:] for y in outputs]))
    return tf.stack(means), tf.stack(logits)


def plain_slot(decoder, latent):
    side = decoder.image_size // 16
    line = np.linspace(-1.0, 1.0, side, dtype="float32")
    y, x = np.meshgrid(line, line, indexing="ij")
    broadcast = tf.broadcast_to(latent, [side, side, latent.shape[0]])
    x = tf.concat([broadcast, y[..., None], x[..., None]], axis=-1)[None]
    for block in decoder.blocks:
        side, filters = x.shape[1], block.filters
        shape = [1, 2 * side + 3, 2 * side + 3, filters]
        x = tf.nn.conv2d_transpose(x, block.kernel, shape, 2, "VALID")
        plain = keras.layers.GroupNormalization(
            8, epsilon=1e-5, center=False, scale=False
        )
        x = plain(x[:, 2:-1, 2:-1] + block.bias)
        x = tf.nn.relu(x * block.norm.gamma + block.norm.beta)
    return decoder.project(x)[0]


def values_and_gradients(function, latents, decoder):
    sources = [latents, *(v.value for v in decoder.trainable_variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = function(latents)
    upstream = [normal(*y.shape, seed=i) for i, y in enumerate(outputs)]
    return [*outputs, *tape.gradient(outputs, sources, output_gradients=upstream)]


@pytest.mark.parametrize("compiled", [False, True])
def test_values_and_gradients_equal_the_loop(compiled, monkeypatch):
    monkeypatch.setattr(compilation, "MIN_SIZE", 0)
    decoder, latents = make_decoder(), normal(2, 3, 6)
    run = tf.function if compiled else lambda f: f
    actual = run(lambda z: values_and_gradients(decoder, z, decoder))(latents)
    expected = values_and_gradients(
        lambda z: plain_decoder(decoder, z), latents, decoder
    )
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=1e-4 * np.abs(e).max())
        assert np.abs(e).max() > 0


@pytest.mark.parametrize("image_size", [32, 64, 128])
def test_shapes_and_ranges(image_size):
    means, logits = make_decoder(image_size)(normal(1, 2, 6))
    assert means.shape == (1, 2, image_size, image_size, 3)
    assert logits.shape == (1, 2, image_size, image_size, 1)
    assert 0.0 < np.min(means) < np.max(means) < 1.0
    assert np.min(logits) < 0.0 < np.max(logits)


def test_slots_do_not_see_each_other():
    decoder, latents = make_decoder(), normal(1, 4, 6)
    order = [2, 0, 3, 1]
    for whole, permuted in zip(
        decoder(latents), decoder(tf.gather(latents, order, axis=1)), strict=True
    ):
        np.testing.assert_allclose(tf.gather(whole, order, axis=1), permuted, atol=1e-6)


def test_unknown_batch_size():
    decoder, latents = make_decoder(), normal(3, 2, 6)
    traced = tf.function(
        lambda z: decoder(z), input_signature=[tf.TensorSpec([None, 2, 6])]
    )
    for n in (1, 3):
        for actual, expected in zip(
            traced(latents[:n]), decoder(latents[:n]), strict=True
        ):
            np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_mixed_precision_outputs_are_float32():
    decoder = BroadcastDecoder(32, (8,) * 4, dtype="mixed_bfloat16")
    means, logits = decoder(normal(1, 2, 6))
    assert means.dtype == logits.dtype == "float32"


def test_saved_and_loaded(tmp_path):
    inputs = keras.Input([2, 6])
    model = keras.Model(inputs, make_decoder()(inputs))
    model.save(tmp_path / "decoder.keras")
    loaded = keras.models.load_model(tmp_path / "decoder.keras")
    latents = normal(2, 2, 6)
    for actual, expected in zip(loaded(latents), model(latents), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("image_size", "filters", "message"),
    [
        (40, (8,) * 4, "image_size.*40"),
        (0, (8,) * 4, "image_size.*0"),
        (32, (8,) * 3, "filters"),
    ],
)
def test_bad_arguments(image_size, filters, message):
    with pytest.raises(ValueError, match=message):
        BroadcastDecoder(image_size, filters)


def test_wider_decoder_is_wider_where_the_grid_is_coarse():
    model = GenesisV2(32, num_slots=2, feature_dim=8, decoder_widening=3)
    assert [block.filters for block in model.decoder.blocks] == [72, 24, 8, 8]
    assert model.decode(tf.zeros([1, 2, 8]))["components"].shape == (1, 2, 32, 32, 3)
    with pytest.raises(ValueError, match="decoder_widening .*0"):
        GenesisV2(32, decoder_widening=0)
