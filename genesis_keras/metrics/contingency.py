"""Contingency tables of label images, the basis of all segmentation scores."""

import numbers

import tensorflow as tf

from genesis_keras.types import Array, Tensor, TensorLike

MAX_CELLS = 2**25
"""Maximum number of cells in the tables of a batch (128 MiB)."""
_FEW_LABELS = 256  # fewer labels are not renumbered, which is faster


def contingency_table(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    *,
    num_true: int | None = None,
    num_predicted: int | None = None,
) -> Tensor:
    """Counts the pixels shared by every pair of labels in each image.

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`; negative labels are
            ignored.
        predicted_labels: Integer tensor of the same shape.
        num_true: int, upper bound (exclusive) of true labels. Defaults to the largest
            label of the batch plus one. Required with XLA, which needs static shapes.
        num_predicted: int, upper bound (exclusive) of predicted labels; see `num_true`.

    Returns:
        int32 tensor `[B, num_true, num_predicted]`. Ignored pixels are not counted.

    Raises:
        ValueError: If the shape, dtype or number of labels is wrong.
        tf.errors.InvalidArgumentError: If a label is not below its bound, or the tables
            would have more than `MAX_CELLS` cells. XLA removes these checks, and pixels
            with too large labels are then ignored.
    """
    true = label_images(true_labels, "true_labels")  # [B, H, W]
    predicted = label_images(predicted_labels, "predicted_labels")
    if not true.shape.is_compatible_with(predicted.shape):
        raise ValueError(
            "true_labels and predicted_labels must be images of the same size. "
            f"Received: {true.shape} and {predicted.shape}"
        )
    # Otherwise, with an unknown batch size, a single image could be broadcast.
    tf.debugging.assert_equal(
        tf.shape(true),
        tf.shape(predicted),
        message="true_labels and predicted_labels must have the same shape",
    )
    num_true = _num_labels(true, num_true, "num_true")
    num_predicted = _num_labels(predicted, num_predicted, "num_predicted")

    check = _check_cells(true, num_true, num_predicted)
    with tf.control_dependencies([check]):
        true = tf.identity(true)
    # Adds rows and columns: the first for ignored pixels, the last for labels out of
    # range. This needs fewer passes over the pixels than masking.
    row = _int32(tf.clip_by_value(true, -1, num_true)) + 1
    column = _int32(tf.clip_by_value(predicted, -1, num_predicted)) + 1
    rows, columns = _int32(num_true) + 2, _int32(num_predicted) + 2
    first_cell = tf.range(tf.shape(true)[0]) * (rows * columns)  # [B]
    cell = row * columns + column + first_cell[:, None, None]
    shape = tf.stack([tf.shape(true)[0], rows, columns])
    table = tf.reshape(_histogram(cell, tf.reduce_prod(shape)), shape)
    _check_range(table[:, -1], "true_labels must be below num_true")
    _check_range(table[:, :, -1], "predicted_labels must be below num_predicted")
    return table[:, 1:-1, 1:-1]


def score_table(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    num_true: int,
    num_predicted: int,
) -> Tensor:
    """Returns a contingency table for scores in which only label 0 is special.

    If the number of labels is not given, large labels are first renumbered in order of
    appearance. For arguments and errors see `contingency_table`.
    """
    true = label_images(true_labels, "true_labels")
    predicted = label_images(predicted_labels, "predicted_labels")
    return contingency_table(
        _renumber(true) if num_true is None else true,
        _renumber(predicted) if num_predicted is None else predicted,
        num_true=num_true,
        num_predicted=num_predicted,
    )


def label_images(labels: Array, argument: str) -> Tensor:
    """Validates labels of any integer type.

    Args:
        labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`.
        argument: Name of the argument, for error messages.

    Returns:
        int32 or int64 tensor `[B, H, W]`.

    Raises:
        ValueError: If the shape or dtype is wrong.
        tf.errors.InvalidArgumentError: If a uint64 label is 2**63 or more.
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer:
        raise ValueError(
            f"{argument} must be integers. Received: dtype={labels.dtype.name}"
        )
    if labels.shape.rank == 4 and labels.shape[-1] in (1, None):
        labels = tf.squeeze(labels, -1)
    if labels.shape.rank != 3:
        raise ValueError(
            f"{argument} must have shape [B, H, W] or [B, H, W, 1]. "
            f"Received: shape={labels.shape}"
        )
    if labels.dtype == tf.uint64:
        labels = tf.cast(labels, tf.int64)
        # TensorFlow would wrap too large labels to negative ones, which mean "ignored".
        check = tf.debugging.assert_non_negative(
            labels, message=f"{argument} must be below 2**63"
        )
        with tf.control_dependencies([check]):
            return tf.identity(labels)
    fits = labels.dtype == tf.int32 or labels.dtype.size < tf.int32.size
    return tf.cast(labels, tf.int32 if fits else tf.int64)


def _renumber(labels):
    """Replaces large labels by small ones, which does not change any score.

    Args:
        labels: int32 or int64 tensor returned by `label_images`.

    Returns:
        int32 tensor of the same shape: the labels themselves if all of the batch are
        small, otherwise numbers from 1. The label 0 stays 0, and negative labels become
        -1.
    """
    labels = tf.maximum(labels, -1)

    def ranks():
        # In order of appearance, so that -1 and 0 come first.
        first = tf.constant([-1, 0], labels.dtype)
        _, index = tf.unique(tf.concat([first, tf.reshape(labels, [-1])], axis=0))
        return tf.reshape(index[2:] - 1, tf.shape(labels))

    few = tf.reduce_max(labels) < _FEW_LABELS
    return tf.cond(few, lambda: _int32(labels), ranks)


def _num_labels(labels, number, argument):
    """Returns the validated `number`, or the largest label plus one if it is None."""
    if number is None:
        # Avoids an overflow on adding one to the largest integer.
        largest = tf.minimum(tf.reduce_max(labels), labels.dtype.max - 1)
        return tf.maximum(largest + 1, 1)
    is_int = isinstance(number, numbers.Integral) and not isinstance(number, bool)
    if not is_int or not 1 <= number <= MAX_CELLS:
        raise ValueError(
            f"{argument} must be a positive int, at most {MAX_CELLS}. "
            f"Received: {number!r}"
        )
    return int(number)


def _check_cells(labels, num_true, num_predicted):
    """Asserts that the tables fit into memory and their cell indices into int32."""
    batch = tf.shape(labels)[0]
    cells = tf.cast(batch, tf.float64)
    for number in (num_true, num_predicted):
        cells *= tf.cast(number, tf.float64) + 2.0
    # A list, since XLA cannot compile string formatting.
    message = ["true_labels below", num_true, "and predicted_labels below"]
    message += [num_predicted, f"need more than {MAX_CELLS} cells for a batch of"]
    message += [batch, "images; take fewer images or number the labels from 0"]
    return tf.debugging.Assert(cells <= MAX_CELLS, message)


def _int32(x):
    return tf.cast(x, tf.int32)


def _histogram(cells, size):
    """Returns the counts of each of `range(size)` in `cells`, int32 `[size]`."""
    cells = tf.reshape(cells, [-1])
    if tf.config.list_logical_devices("GPU"):
        # bincount is not available there with deterministic operations.
        return tf.math.unsorted_segment_sum(tf.ones_like(cells), cells, size)
    # Five times faster on CPU than tf.math.bincount, which also computes the range.
    no_weights = tf.zeros([0], tf.int32)
    return tf.raw_ops.DenseBincount(input=cells, size=size, weights=no_weights)


def _check_range(counts, message):
    tf.debugging.assert_equal(tf.reduce_sum(counts), 0, message=message)
