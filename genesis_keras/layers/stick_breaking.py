"""Stick breaking in log space: pure functions shared by the models.

A *scope* is the fraction of each pixel that is yet to be explained. Each step breaks a
share alpha off it: `mask = scope * alpha`, `scope = scope * (1 - alpha)`. The masks and
the last scope sum to one for any alphas.
"""

import tensorflow as tf

from genesis_keras.types import Tensor

LOG_ZERO = -1e10
"""The log mask of an unused slot: exp gives exactly 0, and sums stay finite."""


def clamp_value(
    x: Tensor, lower: float | None = None, upper: float | None = None
) -> Tensor:
    """Clamps the value of `x`, but not its gradient."""
    clamped = x
    if lower is not None:
        clamped = tf.maximum(clamped, lower)
    if upper is not None:
        clamped = tf.minimum(clamped, upper)
    return x + tf.stop_gradient(clamped - x)


def break_stick(log_scope: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Breaks the share `alpha` off a scope.

    Args:
        log_scope: Logarithm of the scope, any shape.
        alpha: Share in (0, 1), with a shape that broadcasts with `log_scope`.

    Returns:
        `log_mask` and the new `log_scope`, with
        `exp(log_mask) + exp(new log_scope) = exp(log_scope)`.
    """
    return log_scope + tf.math.log(alpha), log_scope + tf.math.log1p(-alpha)


def break_stick_by_logit(log_scope: Tensor, logit: Tensor) -> tuple[Tensor, Tensor]:
    """Computes `break_stick` with `alpha = sigmoid(logit)`, stable for any logit."""
    return (
        log_scope + tf.math.log_sigmoid(logit),
        log_scope + tf.math.log_sigmoid(-logit),
    )


def masks_from_logits(logits: Tensor) -> Tensor:
    """Breaks K - 1 shares off a whole stick; the last mask is the remainder.

    Args:
        logits: `[B, K, ...]`, the logits of the shares; the last ones are not used.

    Returns:
        Log masks `[B, K, ...]` that sum to one over K.
    """
    logits = logits[:, :-1]
    log_scopes = tf.cumsum(tf.math.log_sigmoid(-logits), axis=1)  # after each step
    log_scopes = tf.concat([tf.zeros_like(log_scopes[:, :1]), log_scopes], axis=1)
    log_masks = log_scopes[:, :-1] + tf.math.log_sigmoid(logits)
    return tf.concat([log_masks, log_scopes[:, -1:]], axis=1)
