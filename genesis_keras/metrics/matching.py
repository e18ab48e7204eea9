"""Scores of objects against the segments they are matched with."""

import tensorflow as tf

from genesis_keras.metrics.assignment import maximum_assignment
from genesis_keras.metrics.contingency import score_table
from genesis_keras.metrics.segmentation import segmentation_covering


def intersection_over_union(
    true_labels, predicted_labels, *, num_true=None, num_predicted=None
):
    """IoU of every true with every predicted segment.

        IoU_tp = |t and p| / |t or p|

    Args:
        true_labels: integer tensor `[B, H, W]` or `[B, H, W, 1]`; negative is ignored.
        predicted_labels: integer tensor of the same shape; negative is ignored.
        num_true: see `contingency_table`.
        num_predicted: see `contingency_table`.

    Returns:
        float64 tensor `[B, T, P]`, 0 where a segment is absent, and bool tensor
        `[B, T]`, which true segments are present. Their places are their labels, or
        numbers in the order of appearance where labels go beyond 255; 0 stays 0.

    Raises:
        ValueError: see `contingency_table`.
    """
    table = score_table(true_labels, predicted_labels, num_true, num_predicted)
    shared = tf.cast(table, tf.float64)
    true_area = tf.reduce_sum(shared, axis=2, keepdims=True)  # [B, T, 1]
    predicted_area = tf.reduce_sum(shared, axis=1, keepdims=True)  # [B, 1, P]
    overlap = tf.math.divide_no_nan(shared, true_area + predicted_area - shared)
    return overlap, true_area[..., 0] > 0.0


def matched_iou(
    true_labels,
    predicted_labels,
    *,
    foreground_only=False,
    num_true=None,
    num_predicted=None,
):
    """Mean IoU (mIoU) of every image, by Hungarian matching.

    Each of the T true segments is matched with a predicted segment of its own so that
    the sum of the IoUs is the largest; one without a partner counts 0:

        mIoU = 1 / T max_matching sum_t IoU(t, matching(t))

    It is at most the mean segmentation covering, which lets several true segments
    share a predicted one.

    Args:
        true_labels: integer tensor `[B, H, W]` or `[B, H, W, 1]`; 0 is background,
            negative is ignored.
        predicted_labels: integer tensor of the same shape; negative is ignored.
        foreground_only: bool, mIoU-FG: only true segments above 0 are matched and
            averaged. Predicted segments keep their pixels on the background.
        num_true: see `contingency_table`.
        num_predicted: see `contingency_table`.

    Returns:
        float64 tensor `[B]` in `[0, 1]`; NaN for an image without a true segment.

    Raises:
        ValueError: see `contingency_table`.
    """
    overlap, present = intersection_over_union(
        true_labels, predicted_labels, num_true=num_true, num_predicted=num_predicted
    )
    if foreground_only:
        overlap, present = overlap[:, 1:], present[:, 1:]
    # A column of zeros stands for "no partner", whatever index that has.
    partner = tf.minimum(maximum_assignment(overlap), tf.shape(overlap)[2])
    overlap = tf.pad(overlap, [[0, 0], [0, 0], [0, 1]])
    return _mean(tf.gather(overlap, partner, batch_dims=2), present)


def object_recovery(
    true_labels,
    predicted_labels,
    *,
    threshold=0.5,
    num_true=None,
    num_predicted=None,
):
    """Share of the true objects of every image that a predicted segment recovers.

    An object is recovered if its IoU with a predicted segment is above the threshold.
    From 0.5 on no two objects can be recovered by the same segment.

    Args:
        true_labels: integer tensor `[B, H, W]` or `[B, H, W, 1]`; objects are the
            labels above 0, negative is ignored.
        predicted_labels: integer tensor of the same shape; negative is ignored.
        threshold: float in [0, 1).
        num_true: see `contingency_table`.
        num_predicted: see `contingency_table`.

    Returns:
        float64 tensor `[B]` in `[0, 1]`; NaN for an image without an object.

    Raises:
        ValueError: if the threshold is not in [0, 1), and see `contingency_table`.
    """
    if not 0.0 <= threshold < 1.0:
        raise ValueError(f"threshold must be in [0, 1). Received: {threshold!r}")
    overlap, present = intersection_over_union(
        true_labels, predicted_labels, num_true=num_true, num_predicted=num_predicted
    )
    recovered = tf.reduce_max(overlap, axis=2) > threshold  # [B, T]
    return _mean(tf.cast(recovered, tf.float64)[:, 1:], present[:, 1:])


def mean_best_overlap(
    true_labels, predicted_labels, *, num_true=None, num_predicted=None
):
    """Mean best overlap (mBO) of every image: another name of MSC-FG.

    See `segmentation_covering` with `foreground_only=True`, whose arguments, result
    and errors these are.
    """
    return segmentation_covering(
        true_labels,
        predicted_labels,
        foreground_only=True,
        num_true=num_true,
        num_predicted=num_predicted,
    )


def _mean(scores, present):
    """Mean over the segments that are present: `[B, T]` -> `[B]`; NaN of none."""
    present = tf.cast(present, tf.float64)
    return tf.reduce_sum(scores * present, axis=1) / tf.reduce_sum(present, axis=1)
