"""What the numbers in a report mean: pure functions, then Keras metrics."""

from genesis_keras.metrics.segmentation import (
    adjusted_rand_index,
    contingency_table,
    labels_from_masks,
    segmentation_covering,
    slot_count_error,
)
from genesis_keras.metrics.segmentation_metrics import (
    AdjustedRandIndex,
    MeanSegmentationCovering,
)

__all__ = [
    "AdjustedRandIndex",
    "MeanSegmentationCovering",
    "adjusted_rand_index",
    "contingency_table",
    "labels_from_masks",
    "segmentation_covering",
    "slot_count_error",
]
