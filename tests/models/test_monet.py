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


REGIONS = {"appearance_scale": 3.0, "region_passes": 4, "region_edge_scale": 0.2}


def test_attention_masks_are_averaged_within_regions(images):
    plain, model = make(), make(**REGIONS)
    expected = model.regions.average_masks(plain(images)["log_masks"], images)
    outputs = model(images)
    np.testing.assert_allclose(outputs["log_masks"], expected, atol=1e-4)
    assert np.abs(outputs["masks"] - plain(images)["masks"]).max() > 0.05
    # The latents are of the averaged masks.
    mean, _ = model.component_encoder(images, expected)
    np.testing.assert_allclose(outputs["posterior_mean"], mean, atol=1e-4)


def test_the_loss_contains_the_weighted_cluster_guidance(images):
    noise = np.random.default_rng(1).normal(size=[4, 3, 4]).astype("float32")
    losses = {}
    for weight in (0.0, 1.0, 3.0):
        model = make(**REGIONS, cluster_guidance=weight)
        outputs = model(images, noise=noise)
        losses[weight] = float(model.training_loss(outputs, 0.5, images))
    guidance = float(tf.reduce_mean(model.guidance(images, outputs)))
    assert guidance > 100
    np.testing.assert_allclose(losses[1.0] - losses[0.0], guidance, rtol=1e-3)
    np.testing.assert_allclose(losses[3.0] - losses[0.0], 3 * guidance, rtol=1e-3)


@pytest.mark.parametrize(
    ("guidance", "stopped", "learns"),
    [(0.0, False, True), (2.0, False, True), (2.0, True, False), (0.0, True, True)],
)
def test_attention_may_learn_from_the_guidance_only(guidance, stopped, learns, images):
    noise = np.random.default_rng(1).normal(size=[4, 3, 4]).astype("float32")
    model = make(**REGIONS, cluster_guidance=guidance, stop_mask_gradient=stopped)
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(images, noise=noise)
        loss = model.training_loss(outputs, 0.5, images)
        rest = loss
        if guidance:
            rest -= guidance * tf.reduce_mean(model.guidance(images, outputs))
    weights = model.attention.trainable_variables
    norms = [tf.linalg.global_norm(tape.gradient(x, weights)) for x in (loss, rest)]
    assert float(norms[0]) > 1e-3
    # A difference of equal gradients is not exactly 0.
    share = float(norms[1] / norms[0])
    assert share > 0.01 if learns else share < 1e-4
    decoder = model.component_decoder.trainable_variables
    assert all(float(tf.norm(tape.gradient(rest, w))) > 0 for w in decoder)


def test_regions_and_clusters_have_no_weights():
    plain, model = make(), make(**REGIONS, cluster_guidance=1.0)
    assert len(model.weights) == len(plain.weights)
    model.set_weights(plain.get_weights())


def test_settings_of_regions_and_clusters_are_saved():
    settings = {
        **REGIONS,
        "cluster_guidance": 2.0,
        "stop_mask_gradient": True,
        "coordinate_scale": 0.5,
        "region_brightness": 0.25,
        "appearance_offset": 0.2,
        "kuwahara_passes": 2,
    }
    config = Monet.from_config(make(**settings).get_config()).get_config()
    assert {name: config[name] for name in settings} == settings
