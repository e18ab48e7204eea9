"""Spatial transformer: draws an object in a frame of its own, then places it."""

import math

import tensorflow as tf

from genesis_keras.layers.blocks import coordinates
from genesis_keras.layers.moments import position_moments
from genesis_keras.types import Tensor

POSE_SIZE = 4  # the first values of a latent: centre y, x and log size y, x
_EXTENT = 2.5  # half the side of a frame, in standard deviations of the mask
_LOG_SIZE_OFFSET = 1.0  # makes the log sizes of most objects small numbers
_FALLOFF = 10.0  # of the mask logits per half side beyond the frame


def mask_pose(masks: Tensor) -> Tensor:
    """Returns the position and the size of each mask, `[B, K, 4]`.

    These are the mean y and x of its pixels, in [-1, 1], and the logarithms of their
    standard deviations, plus 1. The masks are squared first, because the soft
    attention masks are not quite 0 anywhere. An empty mask is at the centre, with the
    smallest size.

    Args:
        masks: `[B, K, H, W]`, not negative.
    """
    height, width = masks.shape[2:]
    grid = coordinates(height, width)
    masks = tf.square(masks)
    rows = position_moments(tf.reduce_sum(masks, axis=3), grid[:, 0, 0])
    columns = position_moments(tf.reduce_sum(masks, axis=2), grid[0, :, 1])
    log_sizes = [
        0.5 * tf.math.log(variance) + _LOG_SIZE_OFFSET
        for _, variance in (rows, columns)
    ]
    return tf.stack([rows[0], columns[0], *log_sizes], axis=-1)


def pose_frames(poses: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Returns centres and half sides of the frames, along y and along x.

    Args:
        poses: Positions and sizes as from `mask_pose`, `[B, K, 4]`.

    Returns:
        `((centre_y, half_y), (centre_x, half_x))`, each `[B, K]`.
    """
    centre_y, centre_x, log_y, log_x = tf.unstack(poses, axis=-1)
    return (
        (tf.clip_by_value(centre_y, -1.5, 1.5), _half_side(log_y)),
        (tf.clip_by_value(centre_x, -1.5, 1.5), _half_side(log_x)),
    )


def place(canvases: Tensor, poses: Tensor) -> Tensor:
    """Draws canvases at the given positions and sizes, `[B, K, H, W, C]`.

    A canvas is stretched over a frame that reaches 2.5 standard deviations to each side
    of the centre (Jaderberg et al., 2015, with translation and scale only, as in AIR,
    Eslami et al., 2016). Beyond the frame the values of its border continue, and the
    last channel, a mask logit, falls by 10 per half side of the frame.

    Args:
        canvases: `[B, K, H, W, C]`, with the mask logits last.
        poses: Positions and sizes as from `mask_pose`, `[B, K, 4]`. They are limited to
            [-1.5, 1.5] and to a standard deviation between 1/64 and 1/2 of the image.
    """
    height, width, channels = canvases.shape[2:]
    frame_rows, frame_columns = pose_frames(poses)
    rows, beyond_rows = _interpolation(*frame_rows, height)
    columns, beyond_columns = _interpolation(*frame_columns, width)
    shape = tf.shape(canvases)
    x = tf.reshape(canvases, [shape[0], shape[1], height, width * channels])
    x = tf.matmul(tf.cast(rows, x.dtype), x)  # [B, K, H, W * C]
    x = tf.reshape(x, [shape[0], shape[1], height, width, channels])
    # The same along columns: faster than to broadcast their weights over the rows.
    x = tf.transpose(x, [0, 1, 3, 2, 4])  # [B, K, W, H, C]
    x = tf.reshape(x, [shape[0], shape[1], width, height * channels])
    x = tf.matmul(tf.cast(columns, x.dtype), x)
    x = tf.reshape(x, [shape[0], shape[1], width, height, channels])
    x = tf.transpose(x, [0, 1, 3, 2, 4])  # [B, K, H, W, C]
    beyond = beyond_rows[:, :, :, None] + beyond_columns[:, :, None]
    falloff = tf.pad(_FALLOFF * beyond[..., None], [[0, 0]] * 4 + [[channels - 1, 0]])
    return x - tf.cast(falloff, x.dtype)


def _half_side(log_size):
    # The standard deviation is limited to 1/64 to 1/2 of the side of the image.
    limited = tf.clip_by_value(log_size - _LOG_SIZE_OFFSET, math.log(1 / 32), 0.0)
    return _EXTENT * tf.exp(limited)


def _interpolation(centre, half, side):
    """Weights `[B, K, side, side]` of canvas pixels for image pixels, along one side.

    Also returns how far each pixel is beyond the frame, in half sides `[B, K, side]`.
    """
    pixel = 2.0 / (side - 1)
    centre, half = centre[..., None], half[..., None]
    positions = tf.linspace(-1.0, 1.0, side)
    inside = (positions - centre) / half  # [B, K, side], in [-1, 1] within the frame
    clipped = tf.clip_by_value(inside, -1.0, 1.0)
    # Triangles as wide as the larger pixels of the two: without aliasing.
    width = pixel * tf.maximum(1.0, 1.0 / half)[..., None]
    weights = tf.nn.relu(1.0 - tf.abs(clipped[..., None] - positions) / width)
    weights /= tf.reduce_sum(weights, axis=-1, keepdims=True)
    return weights, tf.abs(inside - clipped)
