"""Mask encoder, posterior and decoder of GENESIS, and its component prior."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.blocks import lstm_cell
from genesis_keras.layers.conditional_prior import ConditionalPrior
from genesis_keras.layers.gated_convolution import gate
from genesis_keras.layers.mask_decoder import MaskDecoder
from genesis_keras.layers.mask_encoder import MaskEncoder, mask_strides
from genesis_keras.layers.mask_posterior import MaskPosterior


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), "float32")


def softplus(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm_step(cell, x, hidden, carry):
    """Gates in the order of Keras: input, forget, candidate, output."""
    raw = x @ cell.kernel.numpy() + hidden @ cell.recurrent_kernel.numpy()
    i, f, c, o = np.split(raw + cell.bias.numpy(), 4, axis=-1)
    carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(c)
    return sigmoid(o) * np.tanh(carry), carry


def test_last_convolution_of_the_encoder_sees_all_that_is_left():
    encoder, images = MaskEncoder(6), normal(2, 16, 16, 3)
    x = images
    actual = encoder(images)
    for layer in encoder.convolutions:
        x = layer(x)
    assert x.shape == (2, 4, 4, 64)
    kernel = tf.reshape(encoder.project.kernel, [4, 4, 64, 12])
    y = tf.nn.conv2d(x, kernel, 1, "VALID")[:, 0, 0] + encoder.project.bias
    np.testing.assert_allclose(actual, gate(y), atol=1e-5)


@pytest.mark.parametrize(
    ("side", "strides"),
    [(32, (1, 2, 1, 2, 1)), (64, (1, 2, 1, 2, 1)), (128, (2, 2, 2, 1, 1))],
)
def test_strides(side, strides):
    assert mask_strides(side) == strides


@pytest.mark.parametrize("side", [0, 8, 48, 256])
def test_bad_sides_are_named(side):
    with pytest.raises(ValueError, match=f"image_size.*{side}"):
        MaskDecoder(side)
    with pytest.raises(ValueError, match=f"image_size.*{side}"):
        MaskEncoder().build((None, side, side, 3))


def test_posterior_equals_the_recursion():
    posterior = MaskPosterior(dim=3, units=5)
    hidden, noise = normal(2, 4), normal(2, 3, 3, seed=1)
    latents, mean, scale = posterior(hidden, noise)
    state = np.zeros([2, 5]), np.zeros([2, 5])
    z = None
    for k in range(3):
        if k == 0:
            raw = posterior.first(hidden).numpy()
        else:
            inputs = np.concatenate([hidden, z], axis=-1)
            state = lstm_step(posterior.cell, inputs, *state)
            raw = posterior.project(tf.constant(state[0], "float32")).numpy()
        expected_scale = softplus(raw[:, 3:] + 0.5) + 1e-8
        z = raw[:, :3] + expected_scale * noise[:, k]
        np.testing.assert_allclose(mean[:, k], raw[:, :3], atol=1e-5)
        np.testing.assert_allclose(scale[:, k], expected_scale, atol=1e-5)
        np.testing.assert_allclose(latents[:, k], z, atol=1e-5)


def test_weights_of_an_lstm_are_drawn_apart():
    cell = lstm_cell(4)
    cell.build((None, 4))
    assert np.all(cell.kernel.numpy() != cell.recurrent_kernel.numpy())
    assert np.abs(cell.bias.numpy()).max() <= 0.5


def decoder_logits(decoder, latents, training):
    """One pixel becomes a map by a transposed convolution, as in the release."""
    side = decoder.first_shape[0]
    latents = tf.reshape(latents, [-1, 1, 1, latents.shape[-1]])
    dim = latents.shape[-1]
    kernel = tf.reshape(decoder.expand.kernel, [dim, side, side, 128])
    kernel = tf.transpose(kernel, [1, 2, 3, 0])  # [side, side, out, in]
    shape = [latents.shape[0], side, side, 128]
    x = tf.nn.conv2d_transpose(latents, kernel, shape, 1, "VALID")
    x = gate(x + decoder.expand_bias)
    for layer in decoder.convolutions:
        x = layer(x, training=training)
    return decoder.project(x)


@pytest.mark.parametrize("training", [True, False])
def test_decoder_decodes_each_latent_and_breaks_the_stick(training):
    decoder, latents = MaskDecoder(16), normal(2, 3, 4)
    decoder(latents)
    for i, weight in enumerate(decoder.trainable_weights):
        weight.assign(weight + 0.1 * normal(*weight.shape, seed=i))
    logits = decoder_logits(decoder, latents, training).numpy()
    shares = sigmoid(logits.reshape(2, 3, 16, 16, 1))
    first, second = shares[:, 0], shares[:, 1]
    expected = [first, (1 - first) * second, (1 - first) * (1 - second)]
    masks = np.exp(decoder(latents, training=training))
    np.testing.assert_allclose(masks, np.stack(expected, axis=1), atol=1e-4)
    assert masks.std() > 0.01


def test_the_last_mask_latent_has_no_say_in_evaluation():
    decoder, latents = MaskDecoder(16), normal(2, 3, 4)
    other = tf.concat([latents[:, :-1], 1.0 + latents[:, -1:]], axis=1)
    masks = decoder(latents)
    np.testing.assert_allclose(decoder(other), masks, atol=1e-5)
    assert np.abs(decoder(other, training=True) - masks).max() > 1e-4


def test_component_prior_is_an_mlp_of_each_slot():
    prior, z = ConditionalPrior(3, units=7), normal(2, 4, 5)
    mean, scale = prior(z)
    x = z.numpy()
    for layer in prior.hidden:
        x = x @ layer.kernel.numpy() + layer.bias.numpy()
        x = np.where(x > 0, x, np.exp(x) - 1.0)
    raw = x @ prior.project.kernel.numpy() + prior.project.bias.numpy()
    np.testing.assert_allclose(mean, np.tanh(raw[..., :3]), atol=1e-6)
    np.testing.assert_allclose(scale, sigmoid(raw[..., 3:] + 4) + 1e-4, atol=1e-6)
    assert len(prior.hidden) == 2


@pytest.mark.parametrize(
    "layer",
    [
        MaskEncoder(8),
        MaskPosterior(4, units=6),
        MaskDecoder(32),
        ConditionalPrior(4, units=6),
    ],
)
def test_config_round_trip(layer):
    clone = type(layer).from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()
