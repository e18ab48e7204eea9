"""GENESIS: its two kinds of latents and its BatchNorms."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.models.genesis import Genesis


def make(**settings):
    keras.utils.set_random_seed(0)
    defaults = {
        "image_size": 16,
        "num_slots": 3,
        "mask_latent_dim": 6,
        "component_latent_dim": 4,
        "seed": 0,
    }
    model = Genesis(**{**defaults, **settings})
    for prior in priors_of(model):
        # The first priors are near N(0, 1), which would hide mistakes.
        prior.project.kernel.assign(8.0 * prior.project.kernel)
    return model


def priors_of(model):
    priors = [model.component_prior]
    return [*priors, model.mask_prior] if model.autoregressive_prior else priors


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(size=[4, 16, 16, 3]).astype("float32")


def log_normal(z, mean, scale):
    return -np.square((z - mean) / scale) / 2 - np.log(scale) - np.log(2 * np.pi) / 2


def test_parameters_are_those_of_the_architecture():
    """Counted from models.md, with one bias in each LSTM."""
    model = Genesis(image_size=64, num_slots=7)
    encoder = sum(
        25 * c * 2 * n + 3 * 2 * n
        for c, n in ((3, 32), (32, 32), (32, 64), (64, 64), (64, 64))
    )
    encoder += 16 * 16 * 64 * 512 + 512
    heads = 2 * (256 * 64 + 64)
    recursion = 4 * 128 * (256 + 64 + 128 + 1) + 128 * 128 + 128
    decoder = 64 * 16 * 16 * 128 + 128
    decoder += sum(
        25 * c * 2 * n + 3 * 2 * n
        for c, n in ((64, 64), (64, 32), (32, 32), (32, 32), (32, 32))
    )
    decoder += 32 + 1
    component = sum(9 * c * n + n for c, n in ((4, 32), (32, 32), (32, 64), (64, 64)))
    component += 4 * 4 * 64 * 256 + 256 + 256 * 32 + 32
    component += 9 * 18 * 32 + 32 + 3 * (9 * 32 * 32 + 32) + 32 * 3 + 3
    prior = 4 * 256 * (64 + 256 + 1) + 256 * 128 + 128
    prior += 64 * 256 + 256 + 256 * 256 + 256 + 256 * 32 + 32
    count = sum(int(tf.size(weight)) for weight in model.trainable_weights)
    assert count == encoder + heads + recursion + decoder + component + prior


@pytest.mark.parametrize("autoregressive", [True, False])
def test_kl_is_that_of_both_latents(autoregressive, images):
    model = make(autoregressive_prior=autoregressive)
    outputs = {k: v.numpy() for k, v in model(images).items()}
    z_m, z_c = np.split(outputs["latents"], [6], axis=-1)
    if autoregressive:
        mean_m, scale_m, _ = model.mask_prior(z_m)
        assert np.abs(mean_m[:, 1:]).max() > 0.1
    else:
        mean_m, scale_m = np.zeros_like(z_m), np.ones_like(z_m)
    mean_c, scale_c = model.component_prior(z_m)
    posterior = log_normal(
        outputs["latents"], outputs["posterior_mean"], outputs["posterior_scale"]
    )
    prior_m = log_normal(z_m, np.asarray(mean_m), np.asarray(scale_m))
    prior_c = log_normal(z_c, np.asarray(mean_c), np.asarray(scale_c))
    expected = posterior.sum(-1) - prior_m.sum(-1) - prior_c.sum(-1)
    np.testing.assert_allclose(outputs["kl_latents"], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(outputs["kl_masks"], 0.0)
    np.testing.assert_allclose(
        outputs["elbo"],
        -outputs["reconstruction_error"] - expected.sum(-1),
        rtol=1e-5,
    )


def test_likelihood_is_mixed_by_the_attention_masks(images):
    outputs = {k: v.numpy() for k, v in make()(images).items()}
    np.testing.assert_array_equal(outputs["log_masks"], outputs["log_object_masks"])
    density = np.exp(log_normal(images[:, None], outputs["components"], 0.7))
    mixture = np.sum(outputs["masks"] * density, axis=1)
    np.testing.assert_allclose(
        outputs["reconstruction_error"], -np.log(mixture).sum((1, 2, 3)), rtol=1e-5
    )


def test_latents_decode_to_the_scene_they_came_from(images):
    model = make()
    outputs = model(images)
    for name, value in model.decode(outputs["latents"]).items():
        np.testing.assert_allclose(value, outputs[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("autoregressive", [True, False])
def test_samples_have_the_statistics_of_the_priors(autoregressive):
    """Sampling is ancestral: standardising by the priors gives back the noise."""
    model = make(autoregressive_prior=autoregressive)
    noise = model.fixed_draws(8, 4)["noise"]
    z_m, z_c = tf.split(model.draw_latents(noise), [6, 4], axis=-1)
    if autoregressive:
        mean, scale, _ = model.mask_prior(z_m)
        np.testing.assert_allclose((z_m - mean) / scale, noise[..., :6], atol=1e-4)
    else:
        np.testing.assert_array_equal(z_m, noise[..., :6])
    mean, scale = model.component_prior(z_m)
    assert np.abs(mean).max() > 0.1
    np.testing.assert_allclose((z_c - mean) / scale, noise[..., 6:], atol=1e-4)
    drawn = tf.concat([z_m, z_c], axis=-1)
    alone = model.draw_next(drawn[:, :2], noise[:, 2])
    np.testing.assert_allclose(alone, drawn[:, 2], atol=1e-4)


def test_training_uses_the_batch_and_evaluation_what_was_kept(images):
    model = make()
    noise = model.fixed_draws(4)["noise"]
    before = model(images, noise=noise)["latents"]
    for layer in (*model.mask_encoder.convolutions, *model.mask_decoder.convolutions):
        layer.norm.momentum = 0.0  # keeps the last batch alone
    in_training = model(images, training=True, noise=noise)
    after = model(images, noise=noise)
    assert np.abs(before - after["latents"]).max() > 0.01
    for name in ("posterior_mean", "reconstruction"):
        # The variances that are kept are the unbiased ones.
        np.testing.assert_allclose(after[name], in_training[name], atol=0.02)


@pytest.mark.parametrize("num_slots", [1, 0])
def test_one_slot_is_refused(num_slots):
    message = f"num_slots must be an integer, at least 2, at most 256; got {num_slots}"
    if num_slots:
        with pytest.raises(ValueError, match=message):
            Genesis(image_size=16, num_slots=num_slots)
    with pytest.raises(ValueError, match=message):
        make().sample(1, num_slots)
    with pytest.raises(ValueError, match=message):
        make()(np.zeros([1, 16, 16, 3], "float32"), num_slots=num_slots)
