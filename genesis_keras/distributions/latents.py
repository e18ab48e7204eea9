"""Posterior and prior of the latents, and the KL divergence between them."""

import tensorflow as tf

from genesis_keras import distributions
from genesis_keras.types import Tensor, TensorLike


def diagonal_normal(mean: Tensor, scale: TensorLike) -> Tensor:
    """Returns N(mean, scale^2) with the last axis as the event."""
    return distributions.tfd.Independent(
        distributions.tfd.Normal(mean, scale), reinterpreted_batch_ndims=1
    )


def sampled_kl(
    latents: Tensor,
    posterior_mean: Tensor,
    posterior_scale: Tensor,
    log_prior: Tensor,
) -> Tensor:
    """Single-sample Monte Carlo estimate `log q(z) - log p(z)`, in nats.

    Args:
        latents: The sample z of the posterior `[..., D]`.
        posterior_mean: `[..., D]`.
        posterior_scale: Standard deviations `[..., D]`.
        log_prior: Log density log p(z) of the sample, in nats `[...]`.

    Returns:
        The estimate, summed over D: `[...]`. It can be negative.
    """
    posterior = diagonal_normal(posterior_mean, posterior_scale)
    return posterior.log_prob(latents) - log_prior


def categorical_kl(
    log_probs: Tensor, other_log_probs: Tensor, axis: int, floor: float = 1e-5
) -> Tensor:
    """KL divergence between categoricals, floored and renormalised, in nats.

    Args:
        log_probs: Log probabilities of the first distribution.
        other_log_probs: Log probabilities of the second distribution.
        axis: The axis of the categories.
        floor: Lower bound of each probability before they are renormalised.

    Returns:
        The divergence, with `axis` removed.
    """

    def floored(log_p):
        p = tf.maximum(tf.exp(log_p), floor)
        return p / tf.reduce_sum(p, axis=axis, keepdims=True)

    p, q = floored(log_probs), floored(other_log_probs)
    return tf.reduce_sum(p * (tf.math.log(p) - tf.math.log(q)), axis=axis)
