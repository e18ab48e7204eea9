"""Scores that match objects with predicted segments."""

import tensorflow as tf

from genesis_keras.metrics.assignment import maximum_assignment
from genesis_keras.metrics.contingency import score_table
from genesis_keras.metrics.segmentation import segmentation_covering
from genesis_keras.types import Tensor, TensorLike


def intersection_over_union(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    *,
    num_true: int | None = None,
    num_predicted: int | None = None,
) -> Tensor:
    """IoU of every pair of a true and a predicted segment.

        IoU_tp = |t and p| / |t or p|

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`; negative is ignored.
        predicted_labels: Integer tensor of the same shape; negative is ignored.
        num_true: See `contingency_table`.
        num_predicted: See `contingency_table`.

    Returns:
        float64 tensor `[B, T, P]`, which is 0 for absent segments, and bool tensor `[B,
        T]`, whether a true segment is present. Indices are labels, or, if there are
        labels above 255, numbers in order of appearance; label 0 always has index 0.

    Raises:
        ValueError: See `contingency_table`.
    """
    table = score_table(true_labels, predicted_labels, num_true, num_predicted)
    shared = tf.cast(table, tf.float64)
    true_area = tf.reduce_sum(shared, axis=2, keepdims=True)  # [B, T, 1]
    predicted_area = tf.reduce_sum(shared, axis=1, keepdims=True)  # [B, 1, P]
    overlap = tf.math.divide_no_nan(shared, true_area + predicted_area - shared)
    return overlap, true_area[..., 0] > 0.0


def matched_iou(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    *,
    foreground_only: bool = False,
    num_true: int | None = None,
    num_predicted: int | None = None,
) -> Tensor:
    """Mean IoU (mIoU) of every image, by Hungarian matching.

    The T true segments are matched with distinct predicted segments such that the sum
    of the IoUs is maximal; a segment without a match has an IoU of 0:

        mIoU = 1 / T max_matching sum_t IoU(t, matching(t))

    It is at most the mean segmentation covering, in which several true segments may be
    matched with the same predicted one.

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`; 0 is background,
            negative is ignored.
        predicted_labels: Integer tensor of the same shape; negative is ignored.
        foreground_only: bool, mIoU-FG: only true segments with labels above 0 are
            matched and averaged. Predicted segments include their pixels on the
            background.
        num_true: See `contingency_table`.
        num_predicted: See `contingency_table`.

    Returns:
        float64 tensor `[B]` in `[0, 1]`; NaN for an image without a true segment.

    Raises:
        ValueError: See `contingency_table`.
    """
    overlap, present = intersection_over_union(
        true_labels, predicted_labels, num_true=num_true, num_predicted=num_predicted
    )
    if foreground_only:
        overlap, present = overlap[:, 1:], present[:, 1:]
    # A column of zeros represents "no match", regardless of its index.
    partner = tf.minimum(maximum_assignment(overlap), tf.shape(overlap)[2])
    overlap = tf.pad(overlap, [[0, 0], [0, 0], [0, 1]])
    return _mean(tf.gather(overlap, partner, batch_dims=2), present)


def object_recovery(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    *,
    threshold: float = 0.5,
    num_true: int | None = None,
    num_predicted: int | None = None,
) -> Tensor:
    """Fraction of the true objects of every image that are recovered by a segment.

    An object is recovered if its IoU with a predicted segment exceeds the threshold.
    For thresholds of at least 0.5, a segment can recover only one object.

    Args:
        true_labels: Integer tensor `[B, H, W]` or `[B, H, W, 1]`; objects are the
            labels above 0, negative is ignored.
        predicted_labels: Integer tensor of the same shape; negative is ignored.
        threshold: Float in [0, 1).
        num_true: See `contingency_table`.
        num_predicted: See `contingency_table`.

    Returns:
        float64 tensor `[B]` in `[0, 1]`; NaN for an image without an object.

    Raises:
        ValueError: If the threshold is not in [0, 1); see also `contingency_table`.
    """
    if not 0.0 <= threshold < 1.0:
        raise ValueError(f"threshold must be in [0, 1). Received: {threshold!r}")
    overlap, present = intersection_over_union(
        true_labels, predicted_labels, num_true=num_true, num_predicted=num_predicted
    )
    recovered = tf.reduce_max(overlap, axis=2) > threshold  # [B, T]
    return _mean(tf.cast(recovered, tf.float64)[:, 1:], present[:, 1:])


def mean_best_overlap(
    true_labels: TensorLike,
    predicted_labels: TensorLike,
    *,
    num_true: int | None = None,
    num_predicted: int | None = None,
) -> Tensor:
    """Mean best overlap (mBO) of every image: another name for MSC-FG.

    Equals `segmentation_covering` with `foreground_only=True`; see there for arguments,
    result and errors.
    """
    return segmentation_covering(
        true_labels,
        predicted_labels,
        foreground_only=True,
        num_true=num_true,
        num_predicted=num_predicted,
    )


def _mean(scores, present):
    """Averages over the present segments: `[B, T]` -> `[B]`; NaN if there are none."""
    present = tf.cast(present, tf.float64)
    return tf.reduce_sum(scores * present, axis=1) / tf.reduce_sum(present, axis=1)
