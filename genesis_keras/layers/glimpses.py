"""Glimpses: what lies under each mask, in a small picture centred on it."""

from collections.abc import Sequence

import tensorflow as tf

from genesis_keras.layers.blocks import coordinates
from genesis_keras.layers.moments import position_moments
from genesis_keras.types import Tensor

_EXTENT = 2.0  # half the side of a glimpse, in standard deviations of the mask


def mask_glimpses(
    images: Tensor,
    masks: Tensor,
    size: int = 8,
    frames: Sequence[tuple[Tensor, Tensor]] | None = None,
) -> Tensor:
    """Returns a small picture of each mask and of the colours under it.

    A grid of `size` x `size` Gaussian filters is centred on the mean position of each
    mask and reaches two standard deviations to each side, as in the attention of DRAW
    (Gregor et al., 2015). Hence the picture does not depend on the position of an
    object, nor, up to the resolution of the image, on its size, but on its shape and
    colours.

    Args:
        images: `[B, H, W, 3]`.
        masks: `[B, K, H, W]`, not negative.
        size: Side of a glimpse in filters.
        frames: Centres and half sides of the glimpses `[B, K]`, along y and along x;
            if None, the mean position of the mask and two standard deviations.

    Returns:
        `[B, K, size, size, 4]`: under each filter the average of the mask, and of the
        mask times red, green and blue. All 0 where a mask is empty.
    """
    height, width = images.shape[1:3]
    grid = coordinates(height, width)
    if frames is None:
        frames = (
            _frame(tf.reduce_sum(masks, axis=3), grid[:, 0, 0]),
            _frame(tf.reduce_sum(masks, axis=2), grid[0, :, 1]),
        )
    rows = _filters(frames[0], grid[:, 0, 0], size)  # [B, K, n, H]
    columns = _filters(frames[1], grid[0, :, 1], size)
    values = tf.pad(images, [[0, 0]] * 3 + [[1, 0]], constant_values=1.0)
    values = tf.transpose(values, [0, 3, 1, 2])[:, None]  # [B, 1, 4, H, W]
    values = values * masks[:, :, None]  # [B, K, 4, H, W]
    values = tf.matmul(rows[:, :, None], values)  # [B, K, 4, n, W]
    values = tf.matmul(values, columns[:, :, None], transpose_b=True)
    return tf.transpose(values, [0, 1, 3, 4, 2])


def _frame(marginal, positions):
    """Centre and extent of a glimpse along one side, each `[B, K]`."""
    mean, variance = position_moments(marginal, positions)
    return mean, _EXTENT * tf.sqrt(variance)


def _filters(frame, positions, size):
    """Gaussian filters along one side `[B, K, size, N]`; each sums to 1.

    Args:
        frame: Centre and extent of the glimpse, each `[B, K]`.
        positions: `[N]`, evenly spaced.
        size: Number of filters.
    """
    mean, half = (value[..., None] for value in frame)
    pixel = positions[1] - positions[0]
    centres = mean + half * tf.linspace(-1.0, 1.0, size)  # [B, K, size]
    # Neighbouring filters overlap at half a step from each, but see a pixel at least.
    spread = tf.maximum(half / (size - 1), 0.5 * pixel)
    distances = (positions - centres[..., None]) / spread[..., None]
    return tf.nn.softmax(-0.5 * tf.square(distances), axis=-1)
