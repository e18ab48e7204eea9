"""Mean and variance of the position of a mask along one side of the image."""

import tensorflow as tf

from genesis_keras.layers.blocks import MASS_EPSILON
from genesis_keras.types import Tensor


def position_moments(marginal: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and variance of the positions under each mask, each `[B, K]`.

    The square of the distance of neighbouring positions is added to the variance, which
    is therefore never 0. The mean of an empty mask is 0.

    Args:
        marginal: Mass of the masks at each position `[B, K, N]`.
        positions: `[N]`, evenly spaced.
    """
    mass = tf.reduce_sum(marginal, axis=-1, keepdims=True) + MASS_EPSILON
    mean = tf.reduce_sum(marginal * positions, axis=-1, keepdims=True) / mass
    variance = tf.square(positions - mean)
    variance = tf.reduce_sum(marginal * variance, axis=-1, keepdims=True) / mass
    variance += tf.square(positions[1] - positions[0])
    return mean[..., 0], variance[..., 0]
