"""Conversion of a layer's raw outputs to the mean and scale of a Gaussian."""

import tensorflow as tf

from genesis_keras.types import Layer, Tensor

_POSTERIOR_SHIFT, _POSTERIOR_MIN = 0.5, 1e-8
_PRIOR_SHIFT, _PRIOR_MIN = 4.0, 1e-4


def posterior_statistics(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Returns `mean` and `scale = softplus(raw_scale + 0.5) + 1e-8`, `[..., D]` each.

    Args:
        raw: `[..., 2D]`, the mean first.
    """
    mean, raw_scale = tf.split(raw, 2, axis=-1)
    return mean, tf.nn.softplus(raw_scale + _POSTERIOR_SHIFT) + _POSTERIOR_MIN


def shift_initial_scale(layer: Layer, shift: float) -> None:
    """Shifts the initial biases of a layer that outputs raw posterior statistics.

    A shift of 0 keeps the release's initial scale of about 1. A shift of -3 makes the
    posterior narrow at first, so that its noise does not hide the features early in
    training.

    Args:
        layer: A built `keras.layers.Dense` of 2D units, of which the second half are
            the raw scales.
        shift: Added to the biases of the raw scales.
    """
    is_scale = tf.range(layer.units) >= layer.units // 2
    layer.bias.assign_add(tf.cast(is_scale, layer.bias.dtype) * shift)


def prior_statistics(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Returns `tanh(raw_mean)` and `sigmoid(raw_scale + 4) + 1e-4`, `[..., D]` each.

    Args:
        raw: `[..., 2D]`, the mean first.
    """
    raw_mean, raw_scale = tf.split(raw, 2, axis=-1)
    return tf.tanh(raw_mean), tf.sigmoid(raw_scale + _PRIOR_SHIFT) + _PRIOR_MIN
