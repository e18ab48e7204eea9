"""Edge-aware smoothing: averages values within regions, but not across edges."""

import functools

import tensorflow as tf

from genesis_keras.layers.compilation import worth_compiling
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
    settings = (num_passes, edge_scale, length)
    if not worth_compiling([*guide.shape[:3], guide.shape[2]]):  # of the weights
        return _smooth(values, guide, *settings)

    @tf.custom_gradient
    def smooth(values, guide):
        def gradient(upstream):
            # In a graph, what the requested gradients do not need is not executed.
            arguments = [tf.identity(values), tf.identity(guide)]
            with tf.GradientTape() as tape:
                tape.watch(arguments)
                result = _smooth(*arguments, *settings)
            return tape.gradient(result, arguments, upstream)

        return _compiled_smooth(values, guide, *settings), gradient

    return smooth(values, guide)


def _smooth(values, guide, num_passes, edge_scale, length):
    rows = _weights(guide, edge_scale, length)  # [B, H, W, W]
    columns = _weights(_transposed(guide), edge_scale, length)  # [B, W, H, H]
    for _ in range(num_passes):
        values = tf.matmul(rows, values)
        values = _transposed(tf.matmul(columns, _transposed(values)))
    return values


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _compiled_smooth(values, guide, num_passes, edge_scale, length):
    """`_smooth` as a loop, with the channels before the pixels that are multiplied.

    On a CPU it takes about half the time: the matrices are small, and outside XLA each
    product and transposition is an operation of its own. XLA cannot pass the values of
    such a loop to a gradient outside.
    """
    rows = _weights(guide, edge_scale, length)
    columns = _weights(_transposed(guide), edge_scale, length)
    rows, columns = map(tf.linalg.matrix_transpose, (rows, columns))

    def smooth_once(values):  # [B, H, C, W]
        values = tf.transpose(tf.matmul(values, rows), [0, 3, 2, 1])  # [B, W, C, H]
        return tf.transpose(tf.matmul(values, columns), [0, 3, 2, 1])

    (values,) = tf.while_loop(
        lambda _: True,
        lambda values: [smooth_once(values)],
        [tf.transpose(values, [0, 1, 3, 2])],
        maximum_iterations=num_passes,
    )
    return tf.transpose(values, [0, 1, 3, 2])


def _weights(guide, edge_scale, length):
    """Returns each pixel's weights of the pixels in its row; they sum to 1."""
    change = tf.reduce_sum(tf.square(guide[:, :, 1:] - guide[:, :, :-1]), axis=-1)
    position = tf.cumsum(change / edge_scale**2 + length, axis=-1)
    position = tf.pad(position, [[0, 0], [0, 0], [1, 0]])  # [B, H, W]
    distance = tf.abs(position[..., :, None] - position[..., None, :])
    return tf.nn.softmax(-distance, axis=-1)


def _transposed(x):
    return tf.transpose(x, [0, 2, 1, 3])
