"""The assignment problem, for a batch and in a TensorFlow graph."""

import tensorflow as tf

from genesis_keras.types import Tensor, TensorLike

_FAR = 1e30  # larger than any distance; infinities would give NaN


def maximum_assignment(weights: TensorLike) -> Tensor:
    """Assigns columns to rows such that the sum of weights is maximal.

    This is the Hungarian algorithm with shortest augmenting paths, applied to all
    problems of the batch at once. The total equals that of
    `scipy.optimize.linear_sum_assignment` with `maximize=True`, but the choice among
    assignments of the same total may differ. It consists of TensorFlow operations, so
    that metrics based on it can be compiled by XLA.

    Args:
        weights: Floating point tensor `[B, R, C]`, finite.

    Returns:
        int32 tensor `[B, R]`, the column of each row. If there are fewer columns than
        rows, rows without a column have an index of at least C.

    Raises:
        ValueError: If the rank is not 3 or the weights are not floating point.

    Example:
    >>> maximum_assignment([[[0.9, 0.8], [0.7, 0.1]]]).numpy().tolist()
    [[1, 0]]
    """
    weights = tf.convert_to_tensor(weights)
    if weights.shape.rank != 3 or not weights.dtype.is_floating:
        raise ValueError(
            "weights must be floating point numbers of shape [B, R, C]. "
            f"Received: shape={weights.shape}, dtype={weights.dtype.name}"
        )
    return _minimum_assignment(-tf.cast(weights, tf.float64))


# As a separate function it is traced once per process, rather than for every score.
@tf.function(
    input_signature=[tf.TensorSpec([None, None, None], tf.float64)], autograph=False
)
def _minimum_assignment(cost):
    batch, rows, columns = tf.unstack(tf.shape(cost))
    # Adds columns for the rows that are not assigned one. All of these have the same
    # cost, so they do not change the optimal pairs.
    extra = tf.maximum(rows - columns, 0)
    width = columns + extra + 1
    # The search for a row starts at column 0: [B, R, width].
    cost = tf.pad(cost, [[0, 0], [0, 0], [1, extra]])
    state = (
        tf.zeros([batch, rows], tf.float64),  # potentials of the rows
        tf.zeros([batch, width], tf.float64),  # potentials of the columns
        tf.fill([batch, width], -1),  # the row of each column, -1 for none
    )

    def add_row(row, row_potential, column_potential, owner):
        owner = _set(owner, tf.zeros([batch], tf.int32), tf.fill([batch], row))
        return (row + 1, *_augment(cost, row_potential, column_potential, owner))

    _, _, _, owner = tf.while_loop(
        lambda row, *_: row < rows, add_row, (tf.constant(0), *state)
    )
    # owner [B, width] -> the column of each row [B, R].
    owned = owner[:, None, 1:] == tf.range(rows)[None, :, None]
    return tf.argmax(tf.cast(owned, tf.int32), axis=2, output_type=tf.int32)


def _augment(cost, row_potential, column_potential, owner):
    """Finds a column for the row in column 0; returns the new state."""
    shape = tf.shape(owner)
    rows = tf.shape(row_potential)[1]
    zero, far = tf.constant(0.0, tf.float64), tf.constant(_FAR, tf.float64)

    def searching(column, *_):
        return tf.reduce_any(_get(owner, column) >= 0)

    def search(column, distance, previous, visited, row_potential, column_potential):
        row = _get(owner, column)  # [B]; -1 for finished problems
        active = row >= 0
        visited |= active[:, None] & _is_at(column, shape)
        row_cost = tf.gather(cost, tf.maximum(row, 0), batch_dims=1)  # [B, width]
        reduced = row_cost - column_potential
        reduced -= _get(row_potential, tf.maximum(row, 0))[:, None]
        nearer = active[:, None] & ~visited & (reduced < distance)
        distance = tf.where(nearer, reduced, distance)
        previous = tf.where(nearer, column[:, None], previous)

        open_distance = tf.where(visited, far, distance)
        nearest = tf.argmin(open_distance, axis=1, output_type=tf.int32)
        step = tf.where(active, _get(open_distance, nearest), zero)[:, None]  # [B, 1]
        column_potential -= tf.where(visited, step, zero)
        distance -= tf.where(visited, zero, step)
        # The rows of the visited columns: [B, R].
        reached = visited[:, None] & (owner[:, None] == tf.range(rows)[None, :, None])
        row_potential += tf.where(tf.reduce_any(reached, axis=2), step, zero)
        column = tf.where(active, nearest, column)
        return column, distance, previous, visited, row_potential, column_potential

    start = tf.zeros(shape[:1], tf.int32)
    column, _, previous, _, row_potential, column_potential = tf.while_loop(
        searching,
        search,
        (
            start,
            tf.fill(shape, far),
            tf.zeros(shape, tf.int32),
            tf.zeros(shape, tf.bool),
            row_potential,
            column_potential,
        ),
    )

    def hand_over(column, owner):
        before = _get(previous, column)
        owner = tf.where(
            column[:, None] > 0, _set(owner, column, _get(owner, before)), owner
        )
        return tf.where(column > 0, before, column), owner

    _, owner = tf.while_loop(
        lambda column, _: tf.reduce_any(column > 0), hand_over, (column, owner)
    )
    return row_potential, column_potential, owner


def _get(values, index):
    """Returns the element `index [B]` of each row of `values [B, N]`."""
    return tf.gather(values, index, batch_dims=1)


def _is_at(index, shape):
    return tf.range(shape[1])[None] == index[:, None]


def _set(values, index, new):
    """Returns `values [B, N]` with `new [B]` at `index [B]`."""
    return tf.where(_is_at(index, tf.shape(values)), new[:, None], values)
