"""The prior whose slots are mixtures of Gaussians."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.distributions.gaussian_mixture import (
    mixture_log_prob,
    mixture_sample,
)
from genesis_keras.layers.autoregressive_prior import AutoregressivePrior
from genesis_keras.layers.mixture_prior import MixturePrior

B, K, D, C = 3, 4, 5, 3


def built(prior, seed=0):
    """Builds a prior and gives it weights that are far from uniform."""
    prior.build((None, K, D))
    rng = np.random.default_rng(seed)
    for weight in prior.weights:
        # The scales of a flow grow exponentially.
        factor = 0.1 if "flow" in weight.path else 1.0
        weight.assign(factor * rng.normal(size=weight.shape))
    return prior


@pytest.fixture
def latents():
    values = np.random.default_rng(1).normal(size=[B, K, D])
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize("learned_start", [False, True])
def test_one_gaussian_is_the_prior_of_the_paper(latents, learned_start):
    one = built(MixturePrior(8, 1, learned_start))
    paper = built(AutoregressivePrior(8, learned_start))
    paper.cell.set_weights(one.cell.get_weights())
    paper.project.set_weights(
        [weight[..., 1:] for weight in one.project.get_weights()]
    )  # the first output is the only logit
    for ours, theirs in zip(one(latents), paper(latents), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(one.sample(latents), paper.sample(latents), atol=1e-3)


def test_density_is_that_of_the_mixture(latents):
    prior = built(MixturePrior(8, C, learned_start=True))
    mean, scale, log_prob = prior(latents)
    states, expected = [tf.zeros([B, 8])] * 2, []
    previous = tf.zeros([B, D])
    for k in range(K):
        output, states = prior.cell(previous, states)
        raw = prior.project(output).numpy().astype("float64")
        weights = np.exp(raw[:, :C]) / np.exp(raw[:, :C]).sum(axis=1, keepdims=True)
        raw = raw[:, C:].reshape(B, C, 2, D)
        means = np.tanh(raw[:, :, 0])
        scales = 1 / (1 + np.exp(-raw[:, :, 1] - 4)) + 1e-4
        squares = ((latents[:, None, k] - means) / scales) ** 2
        densities = np.exp(-squares / 2) / (scales * np.sqrt(2 * np.pi))
        expected.append(np.log((weights * densities.prod(axis=-1)).sum(axis=1)))
        first = (weights[..., None] * means).sum(axis=1)
        second = (weights[..., None] * (means**2 + scales**2)).sum(axis=1)
        np.testing.assert_allclose(mean[:, k], first, atol=1e-4)
        np.testing.assert_allclose(scale[:, k] ** 2, second - first**2, atol=1e-4)
        previous = latents[:, k]
    np.testing.assert_allclose(log_prob, np.stack(expected, axis=1), rtol=1e-4)


def test_the_flow_maps_latents_to_the_values_of_the_mixture(latents):
    prior = built(MixturePrior(8, C, learned_start=True, couplings=3))
    values, log_det = prior.flow(latents)
    assert np.abs(log_det).min() > 1e-3
    statistics, _ = prior._start(latents[:, 0])
    expected = mixture_log_prob(values[:, 0], *statistics) + log_det[:, 0]
    np.testing.assert_allclose(prior(latents)[2][:, 0], expected, rtol=1e-4)
    drawn = prior.draw(latents[:, 0], statistics)
    expected = mixture_sample(latents[:, 0], *statistics)
    np.testing.assert_allclose(prior.flow(drawn)[0], expected, atol=1e-3)


@pytest.mark.parametrize("couplings", [0, 3])
def test_each_sample_is_drawn_given_the_earlier_ones(latents, couplings):
    prior = built(MixturePrior(8, C, learned_start=True, couplings=couplings))
    noise = latents
    drawn = prior.sample(noise)
    statistics, state = prior._start(drawn[:, 0])
    for k in range(K):
        expected = prior.draw(noise[:, k], statistics)
        np.testing.assert_allclose(drawn[:, k], expected, atol=1e-4)
        alone = prior.draw_next(drawn[:, :k], noise[:, k])
        np.testing.assert_allclose(drawn[:, k], alone, atol=1e-4)
        statistics, state = prior._step(drawn[:, k], state)


def test_the_first_slot_is_standard_normal_unless_learned(latents):
    mean, scale, _ = built(MixturePrior(8, C))(latents)
    np.testing.assert_allclose(mean[:, 0], 0.0)
    np.testing.assert_allclose(scale[:, 0], 1.0, rtol=1e-6)
    mean, _, _ = built(MixturePrior(8, C, learned_start=True))(latents)
    assert np.abs(mean[:, 0]).min() > 1e-3


def test_gradients_reach_logits_means_and_scales(latents):
    prior = built(MixturePrior(8, C, learned_start=True))
    with tf.GradientTape() as tape:
        loss = -tf.reduce_sum(prior(latents)[2])
    bias = prior.project.bias
    assert np.abs(tape.gradient(loss, bias)).min() > 0


def test_config_round_trip():
    prior = MixturePrior(8, C, learned_start=True, couplings=2)
    again = keras.layers.deserialize(keras.layers.serialize(prior))
    assert again.get_config() == prior.get_config()
    assert (again.units, again.components, again.learned_start) == (8, C, True)
    assert again.couplings == 2


def test_number_of_gaussians_is_checked():
    with pytest.raises(
        ValueError, match="components must be an integer, at least 1; got 0"
    ):
        MixturePrior(8, 0)
