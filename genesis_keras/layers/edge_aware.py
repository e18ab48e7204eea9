"""Edge-aware smoothing: averages values within regions, but not across edges."""

import tensorflow as tf

from genesis_keras.types import Tensor


def edge_aware_smoothing(
    values: Tensor,
    guide: Tensor,
    num_passes: int,
    edge_scale: float,
    length: float = 1 / 30,
) -> Tensor:
    """Smooths values along rows and columns, but not across edges of a guide.

    This is the normalised convolution of the domain transform (Gastal and Oliveira,
    "Domain Transform for Edge-Aware Image and Video Processing", SIGGRAPH 2011) with
    squared differences. The distance between two pixels of a row is the sum over the
    steps between them of `|difference of the guide|^2 / edge_scale^2 + length`. Each
    pixel becomes the mean of its row with weights `exp(-distance)`; then the same is
    done along columns. Since differences are squared, many small ones, such as shading,
    hardly add up, whereas a large one, an edge, separates regions. Smoothed coordinates
    are approximately the centre of a pixel's region, and thus differ between regions
    that look alike but are not connected.

    Args:
        values: `[B, H, W, C]`.
        guide: `[B, H, W, D]`; its edges limit the smoothing.
        num_passes: Number of times that rows and columns are smoothed; 0 returns
            `values`.
        edge_scale: Difference of the guide that is considered an edge.
        length: Distance of neighbouring pixels of the same appearance.

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
    """Returns each pixel's weights of the pixels in its row; they sum to 1."""
    change = tf.reduce_sum(tf.square(guide[:, :, 1:] - guide[:, :, :-1]), axis=-1)
    position = tf.cumsum(change / edge_scale**2 + length, axis=-1)
    position = tf.pad(position, [[0, 0], [0, 0], [1, 0]])  # [B, H, W]
    distance = tf.abs(position[..., :, None] - position[..., None, :])
    return tf.nn.softmax(-distance, axis=-1)


def _transposed(x):
    return tf.transpose(x, [0, 2, 1, 3])
