"""Evaluation metrics: pure functions, and Keras metrics based on them."""

from genesis_keras.metrics.assignment import maximum_assignment
from genesis_keras.metrics.boundaries import ignore_boundaries
from genesis_keras.metrics.contingency import contingency_table
from genesis_keras.metrics.frechet import Moments, add_features, frechet_distance
from genesis_keras.metrics.matching import (
    intersection_over_union,
    matched_iou,
    mean_best_overlap,
    object_recovery,
)
from genesis_keras.metrics.segmentation import (
    adjusted_rand_index,
    labels_from_masks,
    object_count,
    segmentation_covering,
    slot_count_error,
)
from genesis_keras.metrics.segmentation_metrics import (
    AdjustedRandIndex,
    MeanMatchedIoU,
    MeanSegmentationCovering,
    ObjectRecovery,
)
from genesis_keras.metrics.sliced_wasserstein import sliced_wasserstein_distance
from genesis_keras.metrics.sliced_wasserstein_metric import SlicedWassersteinDistance
from genesis_keras.metrics.slot_metrics import (
    LargestSlot,
    MaskEntropy,
    SlotCountError,
    UsedSlots,
)
from genesis_keras.metrics.slots import largest_slot, mask_entropy, used_slots

__all__ = [
    "AdjustedRandIndex",
    "LargestSlot",
    "MaskEntropy",
    "MeanMatchedIoU",
    "MeanSegmentationCovering",
    "Moments",
    "ObjectRecovery",
    "SlicedWassersteinDistance",
    "SlotCountError",
    "UsedSlots",
    "add_features",
    "adjusted_rand_index",
    "contingency_table",
    "frechet_distance",
    "ignore_boundaries",
    "intersection_over_union",
    "labels_from_masks",
    "largest_slot",
    "mask_entropy",
    "matched_iou",
    "maximum_assignment",
    "mean_best_overlap",
    "object_count",
    "object_recovery",
    "segmentation_covering",
    "sliced_wasserstein_distance",
    "slot_count_error",
    "used_slots",
]
