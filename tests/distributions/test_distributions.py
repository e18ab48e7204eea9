import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from genesis_keras.distributions.gaussian_mixture import (
    mixture_moments,
    mixture_sample,
)
from genesis_keras.distributions.latents import categorical_kl, sampled_kl
from genesis_keras.distributions.pixel_mixture import (
    pixel_mixture,
    reconstruction_error,
)

rng = np.random.default_rng(0)


def scene(batch=2, slots=3, side=5):
    log_masks = special.log_softmax(rng.normal(size=[batch, slots, side, side, 1]), 1)
    means = rng.uniform(size=[batch, slots, side, side, 3])
    images = rng.uniform(size=[batch, side, side, 3])
    return [a.astype("float32") for a in (images, log_masks, means)]


def test_error_is_equation_1():
    images, log_masks, means = scene()
    densities = stats.norm(means, 0.7).pdf(images[:, None])
    mixture = np.sum(np.exp(log_masks) * densities, axis=1)
    expected = -np.sum(np.log(mixture), axis=(1, 2, 3))
    error = reconstruction_error(images, log_masks, means, 0.7)
    np.testing.assert_allclose(error, expected, rtol=1e-5)


def test_perfect_reconstruction_reaches_the_known_bound():
    """evaluation.md: -6,909 is the best log-likelihood of a 64x64 image."""
    images, log_masks, means = scene(1, 1, 64)
    error = reconstruction_error(images, np.zeros_like(log_masks), images[:, None], 0.7)
    np.testing.assert_allclose(
        error, 0.5 * np.log(2 * np.pi * 0.49) * 64 * 64 * 3, 1e-5
    )
    assert round(float(error[0])) == 6909


def test_mixture_is_a_distribution_over_images():
    _, log_masks, means = scene()
    mixture = pixel_mixture(log_masks, means, 0.7)
    assert mixture.batch_shape == [2] and mixture.event_shape == [5, 5, 3]
    np.testing.assert_allclose(
        mixture.mean(), np.sum(np.exp(log_masks) * means, axis=1), atol=1e-5
    )


def test_far_pixels_keep_a_finite_error():
    images, log_masks, means = scene()
    error = reconstruction_error(images + 50.0, log_masks, means, 0.05)
    assert np.isfinite(error).all()


def test_sampled_kl_is_unbiased():
    mean, scale = np.array([0.3, -1.0]), np.array([0.5, 2.0])
    prior_mean, prior_scale = np.array([0.0, 0.5]), np.array([1.0, 1.5])
    exact = np.sum(
        np.log(prior_scale / scale)
        + (scale**2 + (mean - prior_mean) ** 2) / (2 * prior_scale**2)
        - 0.5
    )
    draws = mean + scale * rng.normal(size=[200_000, 2])
    log_prior = stats.norm(prior_mean, prior_scale).logpdf(draws).sum(axis=-1)
    estimates = sampled_kl(
        *(tf.constant(a, "float64") for a in (draws, mean, scale, log_prior))
    )
    standard_error = np.std(estimates) / np.sqrt(len(draws))
    assert abs(np.mean(estimates) - exact) < 5 * standard_error


def test_categorical_kl_agrees_with_scipy():
    p, q = rng.dirichlet([1] * 4, size=(2, 6))
    kl = categorical_kl(np.log(p), np.log(q), axis=1)
    np.testing.assert_allclose(kl, stats.entropy(p, q, axis=1), rtol=1e-3)


@pytest.mark.parametrize("log_zero", [-1e10, -np.inf])
def test_categorical_kl_is_floored(log_zero):
    certain = np.array([[0.0, log_zero]], "float32")
    kl = categorical_kl(certain, certain[:, ::-1].copy(), axis=1)
    p = np.array([1.0, 1e-5]) / (1 + 1e-5)
    np.testing.assert_allclose(kl, stats.entropy(p, p[::-1]), rtol=1e-4)


def test_mixture_samples_have_the_weights_means_and_scales_of_the_mixture():
    noise = np.random.default_rng(0).normal(size=[200_000, 2]).astype("float32")
    logits = np.array([0.0, 1.0, -1.0], "float32")
    means = np.array([[-3.0, 0.0], [0.0, 2.0], [4.0, 1.0]], "float32")
    scales = np.array([[0.1, 0.5], [0.3, 1.0], [0.4, 0.2]], "float32")
    mixture = [
        np.broadcast_to(part, (len(noise), *part.shape))
        for part in (logits, means, scales)
    ]
    samples = mixture_sample(noise, *mixture).numpy()
    weights = np.exp(logits) / np.exp(logits).sum()
    parts = [samples[:, 0] < -2, np.abs(samples[:, 0]) < 1.9, samples[:, 0] > 2]
    for part, weight, mean, scale in zip(parts, weights, means, scales, strict=True):
        assert part.mean() == pytest.approx(weight, abs=0.005)
        np.testing.assert_allclose(samples[part].mean(axis=0), mean, atol=0.02)
        np.testing.assert_allclose(samples[part].std(axis=0), scale, rtol=0.03)
    mean, scale = mixture_moments(logits, means, scales)
    np.testing.assert_allclose(samples.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(samples.std(axis=0), scale, rtol=0.02)


def test_mixture_samples_are_finite_in_the_tails():
    noise = tf.constant([[-12.0, 0.0], [12.0, 0.0], [0.0, 0.0]])
    logits = tf.constant([[0.0, 50.0, -50.0]] * 3)  # two weights are about 0
    values = tf.zeros([3, 3, 2])
    assert np.isfinite(mixture_sample(noise, logits, values, values + 1.0)).all()
