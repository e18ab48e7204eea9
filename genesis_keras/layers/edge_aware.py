"""Edge-aware smoothing: values spread within a region, not across its edge."""

import tensorflow as tf


def edge_aware_smoothing(values, guide, num_passes, edge_scale, length=1 / 30):
    """Smooths values along rows and columns, but not across edges of a guide.

    The normalised convolution of the domain transform (Gastal and Oliveira, "Domain
    Transform for Edge-Aware Image and Video Processing", SIGGRAPH 2011) with squared
    differences. The distance of two pixels of a row is the sum over the steps between
    them of `|difference of the guide|^2 / edge_scale^2 + length`; each pixel becomes
    the mean of its row with weights `exp(-distance)`. Then the same along columns.
    Many small differences, such as shading, hardly add up, and one large one, an edge,
    separates. Coordinates smoothed so are about the centre of a pixel's region, and
    differ between regions that look alike but do not touch.

    Args:
        values: `[B, H, W, C]`.
        guide: `[B, H, W, D]`; its edges stop the smoothing.
        num_passes: Times that rows and columns are smoothed; 0 returns `values`.
        edge_scale: Difference of the guide that counts as an edge.
        length: Distance of neighbours that look the same.

    Returns:
        `[B, H, W, C]`.
    """
    if num_passes == 0:
        return values
    rows = _weights(guide, edge_scale, length)  # [B, H, W, W]
    columns = _weights(_transposed(guide), edge_scale, length)  # [B, W, H, H]
    for _ in range(num_passes):
        values = tf.matmul(rows, values)
        values = _transposed(tf.matmul(columns, _transposed(values)))
    return values


def _weights(guide, edge_scale, length):
    """Weights of the pixels of a row for each of its pixels; they sum to 1."""
    change = tf.reduce_sum(tf.square(guide[:, :, 1:] - guide[:, :, :-1]), axis=-1)
    position = tf.cumsum(change / edge_scale**2 + length, axis=-1)
    position = tf.pad(position, [[0, 0], [0, 0], [1, 0]])  # [B, H, W]
    distance = tf.abs(position[..., :, None] - position[..., None, :])
    return tf.nn.softmax(-distance, axis=-1)


def _transposed(x):
    return tf.transpose(x, [0, 2, 1, 3])
