"""MONet-G: its two kinds of masks and its two bounds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.models.monet import Monet


def make(**settings):
    keras.utils.set_random_seed(0)
    defaults = {
        "image_size": 16,
        "num_slots": 3,
        "component_latent_dim": 4,
        "attention_filters": 8,
        "seed": 0,
    }
    model = Monet(**{**defaults, **settings})
    # Masks of a new model are almost uniform, which would hide mistakes.
    for layer in (model.attention.project, model.component_decoder.project):
        layer.kernel.assign(10.0 * layer.kernel)
    return model


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(size=[4, 16, 16, 3]).astype("float32")


def error_by(masks, components, images):
    square = np.square((images[:, None] - components) / 0.7) / 2
    density = np.exp(-square) / (0.7 * np.sqrt(2 * np.pi))
    return -np.log(np.sum(masks * density, axis=1)).sum((1, 2, 3))


@pytest.mark.parametrize("mask_prior", ["softmax", "scope"])
def test_training_and_reported_bound(mask_prior, images):
    model = make(mask_prior=mask_prior)
    outputs = {k: v.numpy() for k, v in model(images).items()}
    components = outputs["components"]
    z, mean, scale = (
        outputs[name] for name in ("latents", "posterior_mean", "posterior_scale")
    )
    kl = np.square(z) / 2 - np.square((z - mean) / scale) / 2 - np.log(scale)
    np.testing.assert_allclose(outputs["kl_latents"], kl.sum(-1), atol=1e-4)

    attention, decoded = outputs["masks"], np.exp(outputs["log_object_masks"])
    assert np.abs(attention - decoded).max() > 0.1
    np.testing.assert_allclose(
        outputs["reconstruction_error"],
        error_by(attention, components, images),
        rtol=1e-5,
    )
    reported = -error_by(decoded, components, images) - kl.sum((1, 2))
    np.testing.assert_allclose(outputs["elbo"], reported, rtol=1e-5)

    p, q = (np.maximum(masks, 1e-5) for masks in (attention, decoded))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    per_pixel = np.sum(p * np.log(p / q), axis=1)
    np.testing.assert_allclose(outputs["kl_masks"], per_pixel.sum((1, 2, 3)), rtol=1e-4)


@pytest.mark.parametrize("mask_prior", ["softmax", "scope"])
def test_reconstructed_masks_by_hand(mask_prior):
    model = make(mask_prior=mask_prior)
    latents = model.fixed_draws(2)["noise"]
    raw = model.component_decoder(latents).numpy()
    scene = model.decode(latents)
    logits = raw[..., 3:]
    if mask_prior == "softmax":
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    else:
        a, b, _ = np.moveaxis(1 / (1 + np.exp(-logits)), 1, 0)
        expected = np.stack([a, (1 - a) * b, (1 - a) * (1 - b)], axis=1)
    np.testing.assert_allclose(np.exp(scene["log_object_masks"]), expected, atol=1e-5)
    components = 1 / (1 + np.exp(-raw[..., :3]))
    np.testing.assert_allclose(scene["components"], components, atol=1e-6)
    np.testing.assert_allclose(
        scene["reconstruction"], np.sum(expected * components, axis=1), atol=1e-5
    )


def test_mask_kl_has_gradients_through_both_masks(images):
    model = make()
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        value = tf.reduce_sum(outputs["kl_masks"])
    kernels = [model.attention.project.kernel, model.component_decoder.project.kernel]
    attention, decoder = tape.gradient(value, kernels)
    assert np.abs(attention).max() > 0
    assert np.abs(decoder[..., 3]).max() > 0
    np.testing.assert_array_equal(decoder[..., :3], 0.0)  # no colours in it


def test_prior_is_standard_normal(images):
    model = make()
    noise = model.fixed_draws(4)["noise"]
    np.testing.assert_array_equal(model.sample(4, noise=noise)["latents"], noise)
    outputs = model(images)
    np.testing.assert_array_equal(outputs["prior_mean"], 0.0)
    np.testing.assert_array_equal(outputs["prior_scale"], 1.0)


def test_one_slot_is_the_whole_image(images):
    model = make()
    outputs = model(images, num_slots=1)
    for name in ("log_masks", "log_object_masks"):
        np.testing.assert_allclose(outputs[name], 0.0, atol=1e-6)
    np.testing.assert_allclose(outputs["kl_masks"], 0.0, atol=1e-4)


def test_unknown_mask_prior_is_named():
    with pytest.raises(ValueError, match="mask_prior.*sigmoid"):
        make(mask_prior="sigmoid")
