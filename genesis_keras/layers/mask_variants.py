"""Variants of the masks of the IC-SBP: pure functions of the kernels of all seeds."""

import tensorflow as tf

from genesis_keras.layers.stick_breaking import LOG_ZERO, break_stick, clamp_value
from genesis_keras.types import Tensor

# The softmax does not break a stick, so it only has to avoid log(0).
_TINY = 1e-12


def softmax_masks(alphas: Tensor, used: Tensor) -> Tensor:
    """Returns the softmax over the kernels of the seeds in use (Section 3.1).

    Args:
        alphas: Kernels `[B, K, N]` between all pixels and the seed of each slot.
        used: Number of slots in use, `[B]`.

    Returns:
        Log masks `[B, K, N]`.
    """
    in_use = tf.sequence_mask(used, alphas.shape[1])[..., None]
    log_alphas = tf.math.log(clamp_value(alphas, _TINY))
    return tf.nn.log_softmax(tf.where(in_use, log_alphas, LOG_ZERO), axis=1)


def stick_breaking_masks(alphas: Tensor) -> Tensor:
    """Returns the soft masks of given seeds (Algorithm 1), as log masks `[B, K, N]`.

    Args:
        alphas: Kernels `[B, K, N]` in (0, 1). Those of the last slot, which receives
            the remaining scope, are not used.
    """
    log_scope = tf.zeros_like(alphas[:, 0])
    log_masks = []
    for alpha in tf.unstack(alphas, axis=1)[:-1]:
        log_mask, log_scope = break_stick(log_scope, alpha)
        log_masks.append(log_mask)
    return tf.stack([*log_masks, log_scope], axis=1)


def hard_maximum(log_masks: Tensor) -> Tensor:
    """Gives each pixel to the slot with the largest mask, `[B, K, N]`, as log masks."""
    best = tf.one_hot(tf.argmax(log_masks, axis=1), log_masks.shape[1], axis=1)
    return (1.0 - best) * LOG_ZERO


def straight_through(log_soft: Tensor, log_hard: Tensor) -> tuple[Tensor, Tensor]:
    """Returns masks and log masks with the values of `log_hard`, gradients of the soft.

    Args:
        log_soft: Soft log masks `[B, K, N]`.
        log_hard: Hard log masks `[B, K, N]`.
    """
    soft = tf.exp(log_soft)
    return (
        soft + tf.stop_gradient(tf.exp(log_hard) - soft),
        log_soft + tf.stop_gradient(log_hard - log_soft),
    )
