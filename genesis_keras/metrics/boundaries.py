"""Exclusion of pixels at the boundaries of segments from evaluation."""

import tensorflow as tf

from genesis_keras.types import Tensor, TensorLike


def ignore_boundaries(true_labels: TensorLike, width: int = 1) -> Tensor:
    """Sets labels near boundaries to -1, which all scores ignore.

    A pixel is near a boundary if a pixel of another label is at most `width` pixels
    away, including diagonally. The scores then tolerate masks whose boundary is off by
    one pixel. This is particularly relevant for the ARI-FG of images with one object,
    which is 0 as soon as a single pixel of the object is in another segment.

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`.
        width: int, number of pixels to ignore on both sides of a boundary; 0 for none.
            The border of the image is not a boundary.

    Returns:
        Signed integer tensor `[B, H, W]`. Objects with a thickness of at most `2 *
        width` pixels vanish, and are not scored.

    Raises:
        ValueError: If `width` is negative, or the shape or dtype is wrong.

    Example:
    >>> ignore_boundaries([[[0, 0, 0, 1, 1, 1]]]).numpy().tolist()
    [[[0, 0, -1, -1, 1, 1]]]
    """
    if not isinstance(width, int) or width < 0:
        raise ValueError(f"width must be an int of at least 0. Received: {width!r}")
    labels = tf.convert_to_tensor(true_labels)
    if labels.shape.rank == 4 and labels.shape[-1] in (1, None):
        labels = tf.squeeze(labels, -1)
    if labels.shape.rank != 3 or not labels.dtype.is_integer:
        raise ValueError(
            "true_labels must be integers of shape [B, H, W] or [B, H, W, 1]. "
            f"Received: shape={true_labels.shape}, dtype={labels.dtype.name}"
        )
    signed = labels
    if labels.dtype.is_unsigned:
        signed = tf.cast(labels, tf.int64)
        tf.debugging.assert_non_negative(
            signed, message="true_labels must be below 2^63"
        )
    shape = tf.shape(labels)
    near = tf.zeros(shape, tf.bool)
    for row in range(-width, width + 1):
        for column in range(-width, width + 1):
            near |= labels != _shifted(labels, row, column)
    return tf.where(near, tf.constant(-1, signed.dtype), signed)


def _shifted(labels, rows, columns):
    """Shifts labels by `rows` and `columns`, repeating those at the border."""
    for axis, shift in ((1, rows), (2, columns)):
        size = tf.shape(labels)[axis]
        index = tf.clip_by_value(tf.range(size) + shift, 0, size - 1)
        labels = tf.gather(labels, index, axis=axis)
    return labels
