"""Keras metrics that average the scores of `segmentation.py` over images."""

import keras
import tensorflow as tf

from genesis_keras.metrics.boundaries import ignore_boundaries
from genesis_keras.metrics.matching import matched_iou, object_recovery
from genesis_keras.metrics.segmentation import (
    adjusted_rand_index,
    labels_from_masks,
    segmentation_covering,
)
from genesis_keras.types import Config


class _MeanOverImages(keras.metrics.Metric):
    """Mean of a per-image score over the images to which it applies."""

    _score = None  # set by subclasses: one of the functions of `segmentation.py`

    def __init__(
        self,
        foreground_only=False,
        from_masks=True,
        num_true=None,
        num_predicted=None,
        name=None,
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.foreground_only = foreground_only
        self.from_masks = from_masks
        self.num_true = num_true
        self.num_predicted = num_predicted
        # Always float64: a mean over ten thousand images must agree with the per-image
        # scores to 1e-6.
        self._total = self.add_weight(
            name="total", initializer="zeros", dtype="float64"
        )
        self._used = self.add_weight(name="used", initializer="zeros", dtype="float64")
        self._left_out = self.add_weight(
            name="left_out", initializer="zeros", dtype="float64"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch of images.

        Args:
            y_true: Labels `[B, H, W, 1]` or `[B, H, W]`, integer values.
            y_pred: Masks or log masks `[B, K, H, W, 1]`, or labels like `y_true` if
                `from_masks=False`.
            sample_weight: Optional tensor of `B` weights, for example 0 for images that
                pad the batch. The counts of images are sums of these weights.
        """
        scores = self._scores(
            _integer_labels(y_true, "y_true"),
            labels_from_masks(y_pred)
            if self.from_masks
            else _integer_labels(y_pred, "y_pred"),
            num_true=self.num_true,
            num_predicted=self._predicted_labels(y_pred),
        )  # [B]
        weights = tf.ones_like(scores)
        if sample_weight is not None:
            weights = tf.cast(tf.convert_to_tensor(sample_weight), scores.dtype)
            weights = tf.reshape(weights, tf.shape(scores))
        used = tf.where(tf.math.is_nan(scores), tf.zeros_like(weights), weights)
        # NaN * 0 is NaN, so NaN scores are removed before the product.
        scores = tf.where(tf.math.is_nan(scores), tf.zeros_like(scores), scores)
        self._total.assign_add(tf.reduce_sum(used * scores))
        self._used.assign_add(tf.reduce_sum(used))
        self._left_out.assign_add(tf.reduce_sum(weights - used))

    def result(self):
        """Returns the mean score, a scalar; NaN before any image was scored."""
        return tf.cast(self._total / self._used, self.dtype)

    @property
    def images_used(self):
        """Number of images in the mean, a scalar float64 tensor."""
        return tf.convert_to_tensor(self._used)

    @property
    def images_left_out(self):
        """Number of images to which the score does not apply, a float64 scalar."""
        return tf.convert_to_tensor(self._left_out)

    def get_config(self):
        return {
            **super().get_config(),
            "foreground_only": self.foreground_only,
            "from_masks": self.from_masks,
            "num_true": self.num_true,
            "num_predicted": self.num_predicted,
        }

    def _scores(self, true, predicted, **numbers):
        """Returns the score of each image, `[B]`."""
        return type(self)._score(
            true, predicted, foreground_only=self.foreground_only, **numbers
        )

    def _predicted_labels(self, y_pred):
        """Returns predicted labels, and their number if they come from masks."""
        if self.num_predicted is None and self.from_masks:
            return y_pred.shape[1]
        return self.num_predicted


def _integer_labels(labels, argument):
    """Returns labels as integers.

    Floats are accepted because Keras traces metrics with float labels if there is a
    distribution strategy (it averages a batch over replicas to determine its shape).
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_floating:
        return labels
    labels = tf.cast(labels, tf.float64)
    inside = (tf.abs(labels) < 2.0**63) & (labels == tf.round(labels))  # False for NaN
    check = tf.debugging.Assert(
        tf.reduce_all(inside),
        [f"{argument} must be whole numbers, of at most 63 bits"],
    )
    with tf.control_dependencies([check]):
        return tf.cast(labels, tf.int64)


@keras.saving.register_keras_serializable(package="genesis_keras")
class AdjustedRandIndex(_MeanOverImages):
    """Adjusted Rand index (ARI), averaged over images.

    The definition is in `genesis_keras.metrics.adjusted_rand_index`. Images without
    pixels to score are excluded from the mean and counted in `images_left_out`.

    Args:
        foreground_only: bool, whether to compute ARI-FG, on pixels with a true label
            above 0. Defaults to False.
        from_masks: bool, whether predictions are masks or log masks `[B, K, H, W, 1]`,
            which are converted to labels by argmax over the slots. If False, they are
            integer labels `[B, H, W, 1]` or `[B, H, W]`. Defaults to True.
        num_true: int, upper bound (exclusive) of true labels. Defaults to None: it is
            determined for each batch, which XLA (`jit_compile=True`) does not support.
        num_predicted: int, upper bound (exclusive) of predicted labels. Defaults to
            None: the number of masks, or determined for each batch of labels.
        boundary_width: int, number of pixels to ignore on both sides of true
            boundaries, see `ignore_boundaries`. Defaults to 0.
        name: str, name of the metric.
        dtype: Dtype of the result. The state is always float64.

    Raises:
        ValueError: From `update_state`, if the shape or dtype is wrong.

    Example:
    >>> metric = AdjustedRandIndex(foreground_only=True, from_masks=False)
    >>> metric.update_state([[[0, 1, 2]], [[0, 0, 0]]], [[[1, 0, 2]], [[0, 1, 1]]])
    >>> float(metric.result()), int(metric.images_left_out)
    (1.0, 1)
    """

    _score = staticmethod(adjusted_rand_index)

    def __init__(
        self,
        foreground_only: bool = False,
        from_masks: bool = True,
        num_true: int | None = None,
        num_predicted: int | None = None,
        name: str = "adjusted_rand_index",
        dtype: str | None = None,
        boundary_width: int = 0,
    ) -> None:
        super().__init__(
            foreground_only, from_masks, num_true, num_predicted, name, dtype
        )
        self.boundary_width = boundary_width

    def _scores(self, true, predicted, **numbers):
        if self.boundary_width:
            true = ignore_boundaries(true, self.boundary_width)
        return super()._scores(true, predicted, **numbers)

    def get_config(self) -> Config:
        return {**super().get_config(), "boundary_width": self.boundary_width}


@keras.saving.register_keras_serializable(package="genesis_keras")
class MeanSegmentationCovering(_MeanOverImages):
    """Mean segmentation covering (MSC), averaged over images.

    The definition is in `genesis_keras.metrics.segmentation_covering`. Images without
    true segments are excluded from the mean and counted in `images_left_out`.

    Args:
        foreground_only: bool, whether to compute MSC-FG, on segments with labels above
            0. Defaults to False.
        from_masks: bool, predictions are masks or log masks; see
            `AdjustedRandIndex`. Default True.
        num_true: int or None, see `AdjustedRandIndex`.
        num_predicted: int or None, see `AdjustedRandIndex`.
        name: str, name of the metric.
        dtype: Dtype of the result. The state is always float64.

    Raises:
        ValueError: From `update_state`, if the shape or dtype is wrong.
    """

    _score = staticmethod(segmentation_covering)

    def __init__(
        self,
        foreground_only: bool = False,
        from_masks: bool = True,
        num_true: int | None = None,
        num_predicted: int | None = None,
        name: str = "mean_segmentation_covering",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            foreground_only, from_masks, num_true, num_predicted, name, dtype
        )


@keras.saving.register_keras_serializable(package="genesis_keras")
class MeanMatchedIoU(_MeanOverImages):
    """Mean IoU by Hungarian matching (mIoU), averaged over images.

    The definition is in `genesis_keras.metrics.matched_iou`. Images without true
    segments are excluded from the mean and counted in `images_left_out`.

    Args:
        foreground_only: bool, whether to compute mIoU-FG, on segments with labels above
            0. Defaults to False.
        from_masks: bool, predictions are masks or log masks; see
            `AdjustedRandIndex`. Default True.
        num_true: int or None, see `AdjustedRandIndex`.
        num_predicted: int or None, see `AdjustedRandIndex`.
        name: str, name of the metric.
        dtype: Dtype of the result. The state is always float64.

    Raises:
        ValueError: From `update_state`, if the shape or dtype is wrong.
    """

    _score = staticmethod(matched_iou)

    def __init__(
        self,
        foreground_only: bool = False,
        from_masks: bool = True,
        num_true: int | None = None,
        num_predicted: int | None = None,
        name: str = "mean_matched_iou",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            foreground_only, from_masks, num_true, num_predicted, name, dtype
        )


@keras.saving.register_keras_serializable(package="genesis_keras")
class ObjectRecovery(_MeanOverImages):
    """Fraction of true objects that are recovered, averaged over images.

    The definition is in `genesis_keras.metrics.object_recovery`. Images without objects
    are excluded from the mean and counted in `images_left_out`.

    Args:
        threshold: Float in [0, 1). An object is recovered if its IoU exceeds the
            threshold. Defaults to 0.5.
        from_masks: bool, predictions are masks or log masks; see
            `AdjustedRandIndex`. Default True.
        num_true: int or None, see `AdjustedRandIndex`.
        num_predicted: int or None, see `AdjustedRandIndex`.
        name: str, name of the metric.
        dtype: Dtype of the result. The state is always float64.

    Raises:
        ValueError: From `update_state`, if the threshold, shape or dtype is wrong.
    """

    def __init__(
        self,
        threshold: float = 0.5,
        from_masks: bool = True,
        num_true: int | None = None,
        num_predicted: int | None = None,
        name: str = "object_recovery",
        dtype: str | None = None,
    ) -> None:
        super().__init__(True, from_masks, num_true, num_predicted, name, dtype)
        self.threshold = threshold

    def _scores(self, true, predicted, **numbers):
        return object_recovery(true, predicted, threshold=self.threshold, **numbers)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["foreground_only"]  # objects are always the foreground
        return {**config, "threshold": self.threshold}
