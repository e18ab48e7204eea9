"""Contingency tables of label images, of which all segmentation scores are made."""

import numbers

import tensorflow as tf

MAX_CELLS = 2**25
"""Cells of the tables of a batch; more, 128 MiB, are refused."""
_FEW_LABELS = 256  # below it labels are counted as they are, which is faster


def contingency_table(
    true_labels, predicted_labels, *, num_true=None, num_predicted=None
):
    """Counts, in each image, the pixels shared by every pair of labels.

    Args:
        true_labels: integer tensor `[B, H, W]` or `[B, H, W, 1]`; negative: ignored.
        predicted_labels: the same, with the same `B`, `H` and `W`.
        num_true: int, true labels lie below it. Default: the largest label of the
            batch plus one. XLA needs the number, since it needs static shapes.
        num_predicted: int, the same for the predicted labels.

    Returns:
        int32 tensor `[B, num_true, num_predicted]`. Ignored pixels are in no cell.

    Raises:
        ValueError: on a bad shape, dtype or number of labels.
        tf.errors.InvalidArgumentError: if a label is not below its number, or the
            tables would have more than `MAX_CELLS` cells. XLA drops these checks
            and leaves out a pixel whose label is too large.
    """
    true = label_images(true_labels, "true_labels")  # [B, H, W]
    predicted = label_images(predicted_labels, "predicted_labels")
    if not true.shape.is_compatible_with(predicted.shape):
        raise ValueError(
            "true_labels and predicted_labels must be images of the same size. "
            f"Received: {true.shape} and {predicted.shape}"
        )
    # Without it an unknown batch size would broadcast one image over many.
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
    # Two more rows and columns: the first for ignored pixels, the last for labels
    # out of range. This takes fewer passes over the pixels than masking them.
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


def score_table(true_labels, predicted_labels, num_true, num_predicted):
    """A contingency table for scores that only know 0 from other labels.

    Where the number of labels is not given, large labels are numbered anew first, in
    the order of their appearance. Arguments and errors: see `contingency_table`.
    """
    true = label_images(true_labels, "true_labels")
    predicted = label_images(predicted_labels, "predicted_labels")
    return contingency_table(
        _renumber(true) if num_true is None else true,
        _renumber(predicted) if num_predicted is None else predicted,
        num_true=num_true,
        num_predicted=num_predicted,
    )


def label_images(labels, argument):
    """Checks labels, of any integer type.

    Args:
        labels: integer tensor `[B, H, W]` or `[B, H, W, 1]`.
        argument: what to call them in an error.

    Returns:
        int32 or int64 tensor `[B, H, W]`.

    Raises:
        ValueError: on a bad shape or dtype.
        tf.errors.InvalidArgumentError: if a uint64 label is 2**63 or more.
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
        # TensorFlow wraps what is too large, to numbers that mean "ignored".
        check = tf.debugging.assert_non_negative(
            labels, message=f"{argument} must be below 2**63"
        )
        with tf.control_dependencies([check]):
            return tf.identity(labels)
    fits = labels.dtype == tf.int32 or labels.dtype.size < tf.int32.size
    return tf.cast(labels, tf.int32 if fits else tf.int64)


def _renumber(labels):
    """Replaces large labels by small ones, by which no score changes.

    Args:
        labels: int32 or int64 tensor, what `label_images` returns.

    Returns:
        int32 tensor of the same shape: the labels themselves where all of the batch
        are small, else numbers from 1 up. 0 stays 0, a negative label becomes -1.
    """
    labels = tf.maximum(labels, -1)

    def ranks():
        # In the order of appearance, so that -1 and 0 come first.
        first = tf.constant([-1, 0], labels.dtype)
        _, index = tf.unique(tf.concat([first, tf.reshape(labels, [-1])], axis=0))
        return tf.reshape(index[2:] - 1, tf.shape(labels))

    few = tf.reduce_max(labels) < _FEW_LABELS
    return tf.cond(few, lambda: _int32(labels), ranks)


def _num_labels(labels, number, argument):
    """Returns `number`, checked, or the largest label plus one when it is None."""
    if number is None:
        # One less than the largest integer, to which one cannot be added.
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
    """An assertion that the tables fit in memory and their cells in int32."""
    batch = tf.shape(labels)[0]
    cells = tf.cast(batch, tf.float64)
    for number in (num_true, num_predicted):
        cells *= tf.cast(number, tf.float64) + 2.0
    # A list, not a formatted string, which XLA could not compile.
    message = ["true_labels below", num_true, "and predicted_labels below"]
    message += [num_predicted, f"need more than {MAX_CELLS} cells for a batch of"]
    message += [batch, "images; take fewer images or number the labels from 0"]
    return tf.debugging.Assert(cells <= MAX_CELLS, message)


def _int32(x):
    return tf.cast(x, tf.int32)


def _histogram(cells, size):
    """Returns how often each of `range(size)` is in `cells`, int32 `[size]`."""
    cells = tf.reshape(cells, [-1])
    if tf.config.list_logical_devices("GPU"):
        # There a bincount is refused when deterministic operations are asked for.
        return tf.math.unsorted_segment_sum(tf.ones_like(cells), cells, size)
    # Five times faster on CPU; tf.math.bincount adds passes to find the range.
    no_weights = tf.zeros([0], tf.int32)
    return tf.raw_ops.DenseBincount(input=cells, size=size, weights=no_weights)


def _check_range(counts, message):
    tf.debugging.assert_equal(tf.reduce_sum(counts), 0, message=message)
