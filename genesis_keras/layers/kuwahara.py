"""The Kuwahara filter: sharpens edges, so that no pixel is a mixture of two regions."""

import tensorflow as tf

from genesis_keras.types import Tensor

_WINDOWS = [(i, j) for i in (0, 1) for j in (0, 1)]  # that a pixel belongs to


def kuwahara_filter(images: Tensor, num_passes: int = 1) -> Tensor:
    """Smooths within regions and sharpens the edges between them.

    Each pixel belongs to four windows of 2x2 pixels and becomes the mean of the one
    with the smallest variance (Kuwahara et al., 1976). In an image with smooth edges
    the pixels of an edge have a mixture of the colours of both sides; clustered by
    colour, they are a segment of their own. Here each takes the colour of one side.

    Args:
        images: `[B, H, W, C]`.
        num_passes: How often the filter is applied; 0 returns `images`.

    Returns:
        `[B, H, W, C]`.
    """
    for _ in range(num_passes):
        images = _smooth_once(images)
    return images


def _smooth_once(images):
    # Not compiled by XLA: windows of images in 8 bits often have the same variance, and
    # XLA would choose another one than the same operations without it.
    height, width = images.shape[1:3]
    # The mirrored border has no edges of its own.
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    total = _window_sums(padded)  # [B, H + 1, W + 1, C]
    squares = tf.reduce_sum(_window_sums(tf.square(padded)), axis=-1)
    variance = squares / 4 - tf.reduce_sum(tf.square(total / 4), axis=-1)
    means = total / 4
    variances = tf.stack(
        [variance[:, i : i + height, j : j + width] for i, j in _WINDOWS], axis=-1
    )
    best = tf.one_hot(tf.argmin(variances, axis=-1), 4, dtype=images.dtype)
    windows = [means[:, i : i + height, j : j + width] for i, j in _WINDOWS]
    return tf.einsum("nbhwc,bhwn->bhwc", tf.stack(windows), best)


def _window_sums(x):
    """Sums of 2x2 pixels, `[B, H, W, C]` -> `[B, H - 1, W - 1, C]`."""
    rows = x[:, 1:] + x[:, :-1]
    return rows[:, :, 1:] + rows[:, :, :-1]
