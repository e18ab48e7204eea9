"""Simple statistics of the pixels under a mask."""

import tensorflow as tf

from genesis_keras.layers.blocks import MASS_EPSILON, coordinates
from genesis_keras.types import Tensor

NUM_STATISTICS = 8
"""Red, green, blue, two coordinates, their squares, log mass."""


def mask_statistics(images: Tensor, masks: Tensor) -> Tensor:
    """Returns simple statistics of the pixels under each mask, `[B, K, 8]`.

    Args:
        images: `[B, H, W, 3]`.
        masks: Non-negative, `[B, K, H * W]`.

    Returns:
        Under each mask the mean of red, green, blue, y, x, y^2 and x^2 (coordinates in
        [-1, 1]), and `log(1e-5 + share of the image)`. The means of an empty mask are
        0.
    """
    height, width = images.shape[1:3]
    grid = coordinates(height, width)[None]
    grid = tf.broadcast_to(grid, [*tf.unstack(tf.shape(images)[:3]), 2])
    values = tf.concat([images, grid, tf.square(grid)], axis=-1)
    values = tf.reshape(values, [-1, height * width, NUM_STATISTICS - 1])
    mass = tf.reduce_sum(masks, axis=-1, keepdims=True)  # [B, K, 1]
    means = tf.matmul(masks, values) / (mass + MASS_EPSILON)
    log_share = tf.math.log(mass / (height * width) + MASS_EPSILON)
    return tf.concat([means, log_share], axis=-1)
