"""Segmentation scores: ARI, MSC and the error of the number of slots.

Every score is a function of a contingency table and is returned per image, so that the
caller can average, group or weight images. If a score does not apply to an image (no
foreground for a foreground score, all pixels ignored), it is NaN, and the image should
be excluded from means and counted. The Keras metrics in `segmentation_metrics.py` do
both.

Labels are integers of any type and size: 0 is the background in the ground truth, but
an ordinary segment in a prediction. Pixels with a negative true or predicted label are
ignored.
"""

import tensorflow as tf

from genesis_keras.metrics.contingency import (
    label_images,
    score_table,
)
from genesis_keras.types import Tensor, TensorLike


def labels_from_masks(masks: Tensor) -> Tensor:
    """Returns the index of the largest mask at every pixel.

    Args:
        masks: Floating point tensor `[B, K, H, W, 1]`, masks or log masks.

    Returns:
        int32 tensor `[B, H, W]` of slots in `[0, K)`; the first one if masks are equal.

    Raises:
        ValueError: If the rank is not 5 or the masks are not floating point.
    """
    masks = tf.convert_to_tensor(masks)
    if masks.shape.rank != 5 or masks.shape[-1] not in (1, None):
        raise ValueError(
            f"masks must have shape [B, K, H, W, 1]. Received: shape={masks.shape}"
        )
    if not masks.dtype.is_floating:
        raise ValueError(
            f"masks must be floating point. Received: dtype={masks.dtype.name}"
        )
    return tf.argmax(tf.squeeze(masks, -1), axis=1, output_type=tf.int32)


def adjusted_rand_index(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    *,
    foreground_only: bool = False,
    num_true: int | None = None,
    num_predicted: int | None = None,
) -> Tensor:
    """Adjusted Rand index (ARI) of every image.

    With n_tp the number of pixels of true segment t in predicted segment p, and C(n) =
    n (n - 1) / 2 the number of pairs of n pixels (Hubert and Arabie, 1985):

        index = sum_tp C(n_tp),  true = sum_t C(n_t),  predicted = sum_p C(n_p)
        expected = true * predicted / C(n)
        ARI = (index - expected) / ((true + predicted) / 2 - expected)

    It is 1 for a perfect match up to permutations, 0 in expectation for random labels,
    and may be negative. It is defined as 1 if both sides have only one cluster, or only
    clusters of one pixel.

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`; 0 is background,
            negative is ignored.
        predicted_labels: Integer tensor of the same shape; negative is ignored.
        foreground_only: bool, whether to compute ARI-FG, on pixels with a true label
            above 0.
        num_true: See `contingency_table`.
        num_predicted: See `contingency_table`.

    Returns:
        float64 tensor `[B]`; NaN for an image without pixels to score.

    Raises:
        ValueError: See `contingency_table`.

    Example:
    >>> true = [[[0, 0, 1], [0, 2, 2]]]
    >>> adjusted_rand_index(true, [[[1, 1, 0], [1, 2, 2]]]).numpy().tolist()
    [1.0]
    """
    table = score_table(true_labels, predicted_labels, num_true, num_predicted)
    if foreground_only:
        table = table[:, 1:]
    # For 128x128 pixels products of pair counts overflow int32, and slightly exceed the
    # exact integers of float64, which then rounds the sixteenth digit.
    table = tf.cast(table, tf.float64)  # [B, T, P]
    pixels = tf.reduce_sum(table, axis=(1, 2))  # [B]
    index = tf.reduce_sum(_pairs(table), axis=(1, 2))
    true = tf.reduce_sum(_pairs(tf.reduce_sum(table, axis=2)), axis=1)
    predicted = tf.reduce_sum(_pairs(tf.reduce_sum(table, axis=1)), axis=1)
    every = _pairs(pixels)

    expected = tf.math.divide_no_nan(true * predicted, every)
    score = tf.math.divide_no_nan(index - expected, (true + predicted) / 2.0 - expected)
    # 0 / 0 if every pair is together on both sides, or none is. Pair counts are exact
    # in float64, and so is the comparison.
    trivial = (true == predicted) & ((true == every) | (true == 0.0))
    score = tf.where(trivial, tf.ones_like(score), score)
    return _nan_unless(pixels > 0.0, score)


def segmentation_covering(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    *,
    foreground_only: bool = False,
    num_true: int | None = None,
    num_predicted: int | None = None,
) -> Tensor:
    """Mean segmentation covering (MSC) of every image.

    This is the largest IoU of each true segment with any predicted one, averaged with
    equal weights over the T true segments of the image (Engelcke et al., GENESIS):

        MSC = 1 / T sum_t max_p |t and p| / |t or p|

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`; 0 is background,
            negative is ignored.
        predicted_labels: Integer tensor of the same shape; negative is ignored.
        foreground_only: bool, whether to compute MSC-FG, the mean over segments with
            labels above 0. Predicted segments include their pixels on the background,
            which lower the IoU.
        num_true: See `contingency_table`.
        num_predicted: See `contingency_table`.

    Returns:
        float64 tensor `[B]` in `[0, 1]`; NaN for an image without a true segment.

    Raises:
        ValueError: See `contingency_table`.
    """
    table = score_table(true_labels, predicted_labels, num_true, num_predicted)
    shared = tf.cast(table, tf.float64)  # [B, T, P]
    true_area = tf.reduce_sum(shared, axis=2, keepdims=True)  # [B, T, 1]
    predicted_area = tf.reduce_sum(shared, axis=1, keepdims=True)  # [B, 1, P]
    overlap = tf.math.divide_no_nan(shared, true_area + predicted_area - shared)
    best = tf.reduce_max(overlap, axis=2)  # [B, T]; 0 where a segment is absent
    present = tf.cast(true_area[..., 0] > 0.0, tf.float64)
    if foreground_only:
        best, present = best[:, 1:], present[:, 1:]
    segments = tf.reduce_sum(present, axis=1)  # [B]
    score = tf.math.divide_no_nan(tf.reduce_sum(best, axis=1), segments)
    return _nan_unless(segments > 0.0, score)


def object_count(true_labels: TensorLike, *, num_true: int | None = None) -> Tensor:
    """Number of foreground objects of every image.

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`; every distinct label
            above 0 is an object, negative labels are ignored.
        num_true: See `contingency_table`.

    Returns:
        int32 tensor `[B]`.

    Raises:
        ValueError: If the shape or dtype is wrong.
    """
    labels = label_images(true_labels, "true_labels")
    table = score_table(labels, tf.zeros_like(labels), num_true, num_predicted=1)
    return tf.math.count_nonzero(table[:, 1:, 0], axis=1, dtype=tf.int32)


def slot_count_error(
    num_slots: int, true_labels: TensorLike, *, num_true: int | None = None
) -> Tensor:
    """Absolute error of the number of slots; the mean over images is the MAE.

    The correct number is the number of foreground objects plus one for the background
    (GENESIS-V2, Table 2).

    Args:
        num_slots: Integer tensor `[B]`, the number of slots used in each image.
        true_labels: See `object_count`.
        num_true: See `contingency_table`.

    Returns:
        float64 tensor `[B]`.

    Raises:
        ValueError: If the shape or dtype is wrong.
    """
    num_slots = tf.convert_to_tensor(num_slots)
    if num_slots.shape.rank != 1 or not num_slots.dtype.is_integer:
        raise ValueError(
            "num_slots must be integers of shape [B]. "
            f"Received: shape={num_slots.shape}, dtype={num_slots.dtype.name}"
        )
    objects = object_count(true_labels, num_true=num_true)  # [B]
    tf.debugging.assert_equal(
        tf.shape(num_slots), tf.shape(objects), message="num_slots must be [B]"
    )
    return tf.abs(tf.cast(num_slots, tf.float64) - tf.cast(objects + 1, tf.float64))


def _pairs(count):
    return count * (count - 1.0) / 2.0


def _nan_unless(condition, score):
    return tf.where(condition, score, tf.constant(float("nan"), score.dtype))
