"""Component encoder and decoder against one slot at a time, written out."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.component_decoder import ComponentDecoder
from genesis_keras.layers.component_encoder import ComponentEncoder
from genesis_keras.layers.mask_statistics import mask_statistics

ACTIVATIONS = {"elu": tf.nn.elu, "relu": tf.nn.relu}


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), "float32")


def kernels(layers):
    return [(layer.kernel.value, layer.bias.value) for layer in layers]


@pytest.mark.parametrize("statistics", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_encoder_equals_the_loop(activation, statistics):
    encoder = ComponentEncoder(5, activation, pooled_statistics=statistics)
    images, log_masks = normal(2, 32, 16, 3), -tf.abs(normal(2, 3, 32, 16, 1))
    mean, scale = encoder(images, log_masks)
    assert mean.shape == scale.shape == (2, 3, 5)
    for k in range(3):
        x = tf.concat([log_masks[:, k], images], axis=-1)  # the mask comes first
        for kernel, bias in kernels(encoder.convolutions):
            x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
            x = ACTIVATIONS[activation](tf.nn.conv2d(x, kernel, 2, "VALID") + bias)
        assert x.shape == (2, 2, 1, 64)
        (kernel, bias), (last, last_bias) = kernels([encoder.hidden, encoder.posterior])
        seen = tf.reshape(x, [2, -1])
        if statistics:
            mask = tf.reshape(tf.exp(log_masks[:, k]), [2, 1, -1])
            seen = tf.concat([seen, mask_statistics(images, mask)[:, 0]], axis=-1)
        hidden = ACTIVATIONS[activation](seen @ kernel + bias)
        raw = hidden @ last + last_bias
        np.testing.assert_allclose(mean[:, k], raw[:, :5], atol=1e-5)
        expected = tf.math.softplus(raw[:, 5:] + 0.5) + 1e-8
        np.testing.assert_allclose(scale[:, k], expected, atol=1e-5)


@pytest.mark.parametrize(("activation", "channels"), [("elu", 3), ("relu", 4)])
def test_decoder_equals_the_loop(activation, channels):
    decoder = ComponentDecoder(12, channels, activation)
    latents = normal(2, 3, 5)
    sources = [latents]
    decoder(latents)
    sources += [weight.value for weight in decoder.trainable_weights]

    def loop():
        line = np.linspace(-1.0, 1.0, 20, dtype="float32")  # 12 and a border of 4
        y, x = np.meshgrid(line, line, indexing="ij")
        grid = np.broadcast_to(np.stack([y, x], axis=-1), [2, 20, 20, 2])
        slots = []
        for z in tf.unstack(latents, axis=1):
            z = tf.broadcast_to(z[:, None, None], [2, 20, 20, 5])
            x = tf.concat([z, grid], axis=-1)
            for kernel, bias in kernels(decoder.convolutions):
                x = ACTIVATIONS[activation](tf.nn.conv2d(x, kernel, 1, "VALID") + bias)
            slots.append(decoder.project(x))
        return tf.stack(slots, axis=1)

    results = []
    for function in (lambda: decoder(latents), loop):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            y = function()
        assert y.shape == (2, 3, 12, 12, channels)
        upstream = normal(*y.shape, seed=1)
        results.append([y, *tape.gradient(y, sources, output_gradients=upstream)])
    for actual, expected in zip(*results, strict=True):
        scale = np.abs(expected).max()
        assert scale > 0
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


def test_any_batch_size_in_a_graph():
    encoder, decoder = ComponentEncoder(4), ComponentDecoder(16, 4)
    signature = [tf.TensorSpec([None, 16, 16, 3]), tf.TensorSpec([None, 2, 16, 16, 1])]
    encode = tf.function(lambda x, m: encoder(x, m), input_signature=signature)
    decode = tf.function(
        lambda z: decoder(z), input_signature=[tf.TensorSpec([None, 2, 4])]
    )
    for n in (1, 3):
        mean, _ = encode(normal(n, 16, 16, 3), normal(n, 2, 16, 16, 1))
        assert decode(mean).shape == (n, 2, 16, 16, 4)


def test_mixed_precision_returns_float32():
    encoder = ComponentEncoder(4, dtype="mixed_bfloat16")
    decoder = ComponentDecoder(16, 4, dtype="mixed_bfloat16")
    mean, scale = encoder(normal(1, 16, 16, 3), normal(1, 2, 16, 16, 1))
    assert mean.dtype == scale.dtype == decoder(mean).dtype == "float32"


def test_bad_sides_are_named():
    with pytest.raises(ValueError, match="multiples of 16.*24"):
        ComponentEncoder().build((None, 24, 32, 3))


@pytest.mark.parametrize(
    "layer", [ComponentEncoder(4, "elu"), ComponentDecoder(16, 4, "elu")]
)
def test_config_round_trip(layer):
    clone = type(layer).from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()
