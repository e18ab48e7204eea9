"""Labels without the pixels at the boundaries of segments."""

import tensorflow as tf


def ignore_boundaries(true_labels, width=1):
    """Gives pixels near a boundary the label -1, which every score ignores.

    A pixel is near a boundary if one of another label is at most `width` pixels away,
    diagonally too. Scored so, a mask that is off by a pixel loses nothing. This
    matters most for ARI-FG of images with one object, which is 0 as soon as a single
    pixel of the object is in another segment.

    Args:
        true_labels: integer tensor `[B, H, W]` or `[B, H, W, 1]`.
        width: int, pixels on either side of a boundary that are ignored; 0 ignores
            none. The edge of the image is no boundary.

    Returns:
        Signed integer tensor `[B, H, W]`. Objects that are at most `2 * width` pixels
        thin vanish; they are then in no score.

    Raises:
        ValueError: if `width` is negative, or on a bad shape or dtype.

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
    """Labels of the pixels `rows` below and `columns` to the right, or at the edge."""
    for axis, shift in ((1, rows), (2, columns)):
        size = tf.shape(labels)[axis]
        index = tf.clip_by_value(tf.range(size) + shift, 0, size - 1)
        labels = tf.gather(labels, index, axis=axis)
    return labels
