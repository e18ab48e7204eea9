"""The segmentation scores of a report, of a model's masks and of any other labels."""

import functools

import numpy as np
import tensorflow as tf

from genesis_keras.metrics.boundaries import ignore_boundaries
from genesis_keras.metrics.matching import matched_iou, object_recovery
from genesis_keras.metrics.segmentation import (
    adjusted_rand_index,
    object_count,
    segmentation_covering,
)

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
"""Ending of the scores of images with two objects or more."""


def label_scores(labels, predicted):
    """Returns the scores of each image, `[B]` each, NaN where one does not apply.

    Args:
        labels: Ground truth `[B, H, W, 1]`, 0 = background.
        predicted: Predicted segments `[B, H, W]`, int32.

    Returns:
        Dict of `ari_fg`, `msc_fg`, `miou_fg`, `ari`, `msc`, `miou`, `recovery`,
        `ari_fg_tolerant`, which leaves out pixels within one pixel of a boundary of
        the ground truth, and `objects`, the number of foreground objects.
    """
    labels = tf.convert_to_tensor(labels)
    return _scorer(labels.dtype)(labels, predicted)


@functools.cache
def _scorer(dtype):
    """The scores as a graph, traced once however many graphs use it."""
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


def mean_scores(columns, objects):
    """Returns means over images, and over those with two objects or more.

    Args:
        columns: Dict of name -> array `[N]`; a NaN leaves its image out.
        objects: Array `[N]`, foreground objects of each image.

    Returns:
        Dict of floats: of each name also "NAME_two_or_more".
    """
    several = np.asarray(objects) > 1
    means = {}
    for name, values in columns.items():
        means[name] = mean(values)
        means[f"{name}_{SEVERAL}"] = mean(values[several])
    return means


def mean(values):
    """Returns the mean of what is not NaN, as a float; NaN of nothing."""
    valid = values[~np.isnan(values)]
    return float(np.mean(valid)) if len(valid) else float("nan")
