"""The segmentation scores of predicted labels."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from genesis_keras.metrics.boundaries import ignore_boundaries
from genesis_keras.metrics.matching import matched_iou, object_recovery
from genesis_keras.metrics.segmentation import (
    adjusted_rand_index,
    object_count,
    segmentation_covering,
)
from genesis_keras.types import Array, Outputs, Scores

SCORES = (
    "ari_fg",
    "msc_fg",
    "miou_fg",
    "ari",
    "msc",
    "miou",
    "ari_fg_tolerant",
    "recovery",
)
"""Names of the segmentation scores."""

SEVERAL = "two_or_more"
"""Suffix of scores over images with at least two objects."""


def label_scores(labels: Array, predicted: Array) -> Outputs:
    """Returns the scores of each image, `[B]`; NaN if a score does not apply.

    Args:
        labels: Ground truth `[B, H, W, 1]`, 0 = background.
        predicted: Predicted segments `[B, H, W]`, int32.

    Returns:
        Dict of `ari_fg`, `msc_fg`, `miou_fg`, `ari`, `msc`, `miou`, `recovery`,
        `ari_fg_tolerant`, which ignores pixels within one pixel of a boundary of the
        ground truth, and `objects`, the number of foreground objects.
    """
    labels = tf.convert_to_tensor(labels)
    return _scorer(labels.dtype)(labels, predicted)


@functools.cache
def _scorer(dtype):
    """Returns the scores as a graph function, which is traced only once."""
    labels = tf.TensorSpec([None, None, None, 1], dtype)
    predicted = tf.TensorSpec([None, None, None], tf.int32)
    return tf.function(_scores, input_signature=[labels, predicted], autograph=False)


def _scores(labels, predicted):
    scores = {}
    for name, score in (
        ("ari", adjusted_rand_index),
        ("msc", segmentation_covering),
        ("miou", matched_iou),
    ):
        for ending, foreground in (("_fg", True), ("", False)):
            scores[f"{name}{ending}"] = score(
                labels, predicted, foreground_only=foreground
            )
    scores["ari_fg_tolerant"] = adjusted_rand_index(
        ignore_boundaries(labels), predicted, foreground_only=True
    )
    scores["recovery"] = object_recovery(labels, predicted)
    return {**scores, "objects": tf.cast(object_count(labels), "float32")}


def mean_scores(columns: Any, objects: Array) -> Scores:
    """Returns means over all images, and over those with at least two objects.

    Args:
        columns: Dict from names to arrays `[N]`; images with NaN are excluded.
        objects: Array `[N]`, the number of foreground objects of each image.

    Returns:
        Dict of floats, with additional keys "NAME_two_or_more".
    """
    several = np.asarray(objects) > 1
    means = {}
    for name, values in columns.items():
        means[name] = mean(values)
        means[f"{name}_{SEVERAL}"] = mean(values[several])
    return means


def mean(values: Any) -> float:
    """Returns the mean of the values that are not NaN; NaN if there are none."""
    valid = values[~np.isnan(values)]
    return float(np.mean(valid)) if len(valid) else float("nan")
