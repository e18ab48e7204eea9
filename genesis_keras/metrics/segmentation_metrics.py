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


class _MeanOverImages(keras.metrics.Metric):
    """Mean of a per-image score over the images it applies to."""

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
        # float64 whatever the metric's dtype: a mean over ten thousand images must
        # still agree with the per-image scores to 1e-6.
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
            y_true: labels `[B, H, W, 1]` or `[B, H, W]`, whole numbers.
            y_pred: masks or log masks `[B, K, H, W, 1]`, or, with
                `from_masks=False`, labels like `y_true`.
            sample_weight: optional tensor of `B` weights; 0 for an image that only
                pads the batch. The counts of images are sums of these weights.
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
        # NaN * 0 is NaN: the scores left out go before the product.
        scores = tf.where(tf.math.is_nan(scores), tf.zeros_like(scores), scores)
        self._total.assign_add(tf.reduce_sum(used * scores))
        self._used.assign_add(tf.reduce_sum(used))
        self._left_out.assign_add(tf.reduce_sum(weights - used))

    def result(self):
        """Returns the mean score, a scalar; NaN before any image was scored."""
        return tf.cast(self._total / self._used, self.dtype)

    @property
    def images_used(self):
        """Scalar float64 tensor: images in the mean."""
        return tf.convert_to_tensor(self._used)

    @property
    def images_left_out(self):
        """Scalar float64 tensor: images the score does not apply to."""
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
        """The score of each image, `[B]`."""
        return type(self)._score(
            true, predicted, foreground_only=self.foreground_only, **numbers
        )

    def _predicted_labels(self, y_pred):
        """The number of predicted labels: of slots, when masks say so."""
        if self.num_predicted is None and self.from_masks:
            return y_pred.shape[1]
        return self.num_predicted


def _integer_labels(labels, argument):
    """Returns labels as integers.

    Keras traces a metric with float labels when a distribution strategy is on (it
    averages a batch over the replicas to find its shape), so they are not refused.
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_floating:
        return labels
    labels = tf.cast(labels, tf.float64)
    inside = (tf.abs(labels) < 2.0**63) & (labels == tf.round(labels))  # not so: NaN
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
    a pixel to score are left out of the mean and counted in `images_left_out`.

    Args:
        foreground_only: bool, ARI-FG: only pixels whose true label is above 0.
            Default False.
        from_masks: bool, predictions are masks or log masks `[B, K, H, W, 1]`,
            turned into labels by argmax over the slots, which is the default. False:
            they are integer labels `[B, H, W, 1]` or `[B, H, W]`.
        num_true: int, true labels lie below it. Default None: found in every batch,
            which a program compiled by XLA (`jit_compile=True`) cannot do.
        num_predicted: int, the same for predictions. Default None: the number of
            masks, or found in every batch of labels.
        boundary_width: int, pixels on either side of a true boundary that are left
            out, as `ignore_boundaries` does. Default 0.
        name: str, name of the metric.
        dtype: dtype of the result. The state is always float64.

    Raises:
        ValueError: from `update_state`, on a bad shape or dtype.

    Example:
    >>> metric = AdjustedRandIndex(foreground_only=True, from_masks=False)
    >>> metric.update_state([[[0, 1, 2]], [[0, 0, 0]]], [[[1, 0, 2]], [[0, 1, 1]]])
    >>> float(metric.result()), int(metric.images_left_out)
    (1.0, 1)
    """

    _score = staticmethod(adjusted_rand_index)

    def __init__(
        self,
        foreground_only=False,
        from_masks=True,
        num_true=None,
        num_predicted=None,
        name="adjusted_rand_index",
        dtype=None,
        boundary_width=0,
    ):
        super().__init__(
            foreground_only, from_masks, num_true, num_predicted, name, dtype
        )
        self.boundary_width = boundary_width

    def _scores(self, true, predicted, **numbers):
        if self.boundary_width:
            true = ignore_boundaries(true, self.boundary_width)
        return super()._scores(true, predicted, **numbers)

    def get_config(self):
        return {**super().get_config(), "boundary_width": self.boundary_width}


@keras.saving.register_keras_serializable(package="genesis_keras")
class MeanSegmentationCovering(_MeanOverImages):
    """Mean segmentation covering (MSC), averaged over images.

    The definition is in `genesis_keras.metrics.segmentation_covering`. Images
    without a true segment to cover are left out and counted in `images_left_out`.

    Args:
        foreground_only: bool, MSC-FG: only true segments above 0. Default False.
        from_masks: bool, predictions are masks or log masks; see
            `AdjustedRandIndex`. Default True.
        num_true: int or None, see `AdjustedRandIndex`.
        num_predicted: int or None, see `AdjustedRandIndex`.
        name: str, name of the metric.
        dtype: dtype of the result. The state is always float64.

    Raises:
        ValueError: from `update_state`, on a bad shape or dtype.
    """

    _score = staticmethod(segmentation_covering)

    def __init__(
        self,
        foreground_only=False,
        from_masks=True,
        num_true=None,
        num_predicted=None,
        name="mean_segmentation_covering",
        dtype=None,
    ):
        super().__init__(
            foreground_only, from_masks, num_true, num_predicted, name, dtype
        )


@keras.saving.register_keras_serializable(package="genesis_keras")
class MeanMatchedIoU(_MeanOverImages):
    """Mean IoU by Hungarian matching (mIoU), averaged over images.

    The definition is in `genesis_keras.metrics.matched_iou`. Images without a true
    segment to match are left out and counted in `images_left_out`.

    Args:
        foreground_only: bool, mIoU-FG: only true segments above 0. Default False.
        from_masks: bool, predictions are masks or log masks; see
            `AdjustedRandIndex`. Default True.
        num_true: int or None, see `AdjustedRandIndex`.
        num_predicted: int or None, see `AdjustedRandIndex`.
        name: str, name of the metric.
        dtype: dtype of the result. The state is always float64.

    Raises:
        ValueError: from `update_state`, on a bad shape or dtype.
    """

    _score = staticmethod(matched_iou)

    def __init__(
        self,
        foreground_only=False,
        from_masks=True,
        num_true=None,
        num_predicted=None,
        name="mean_matched_iou",
        dtype=None,
    ):
        super().__init__(
            foreground_only, from_masks, num_true, num_predicted, name, dtype
        )


@keras.saving.register_keras_serializable(package="genesis_keras")
class ObjectRecovery(_MeanOverImages):
    """Share of the true objects that a segment recovers, averaged over images.

    The definition is in `genesis_keras.metrics.object_recovery`. Images without an
    object are left out and counted in `images_left_out`.

    Args:
        threshold: float in [0, 1), the IoU from above which an object is recovered.
            Default 0.5.
        from_masks: bool, predictions are masks or log masks; see
            `AdjustedRandIndex`. Default True.
        num_true: int or None, see `AdjustedRandIndex`.
        num_predicted: int or None, see `AdjustedRandIndex`.
        name: str, name of the metric.
        dtype: dtype of the result. The state is always float64.

    Raises:
        ValueError: from `update_state`, on a bad threshold, shape or dtype.
    """

    def __init__(
        self,
        threshold=0.5,
        from_masks=True,
        num_true=None,
        num_predicted=None,
        name="object_recovery",
        dtype=None,
    ):
        super().__init__(True, from_masks, num_true, num_predicted, name, dtype)
        self.threshold = threshold

    def _scores(self, true, predicted, **numbers):
        return object_recovery(true, predicted, threshold=self.threshold, **numbers)

    def get_config(self):
        config = super().get_config()
        del config["foreground_only"]  # objects are always the foreground
        return {**config, "threshold": self.threshold}
