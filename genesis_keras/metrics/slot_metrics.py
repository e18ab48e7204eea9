"""Keras metrics of how slots are used: means over images of `slots.py`."""

import keras
import tensorflow as tf

from genesis_keras.metrics.segmentation import slot_count_error
from genesis_keras.metrics.slots import largest_slot, mask_entropy, used_slots
from genesis_keras.types import TensorLike


class _MeanOfMasks(keras.metrics.Mean):
    """Mean over images of a score of masks alone."""

    _score = None  # set by subclasses

    def update_state(self, masks, sample_weight=None):
        """Adds a batch of images.

        Args:
            masks: masks or log masks `[B, K, H, W, 1]`; of `MaskEntropy` log masks.
            sample_weight: optional tensor of `B` weights.
        """
        super().update_state(type(self)._score(masks), sample_weight)


@keras.saving.register_keras_serializable(package="genesis_keras")
class LargestSlot(_MeanOfMasks):
    """Share of the pixels in the largest slot (`largest_slot`), mean over images.

    Args:
        name: str, name of the metric.
        dtype: dtype of the state and the result.

    Example:
    >>> metric = LargestSlot()
    >>> metric.update_state([[[[[0.9], [0.8]]], [[[0.1], [0.2]]]]])
    >>> float(metric.result())
    1.0
    """

    _score = staticmethod(largest_slot)

    def __init__(self, name: str = "largest_slot", dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="genesis_keras")
class UsedSlots(_MeanOfMasks):
    """Slots with at least 1% of the pixels, averaged over images; see `used_slots`.

    Args:
        name: str, name of the metric.
        dtype: dtype of the state and the result.
    """

    _score = staticmethod(used_slots)

    def __init__(self, name: str = "used_slots", dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="genesis_keras")
class MaskEntropy(_MeanOfMasks):
    """Entropy of log masks at a pixel, averaged over images; see `mask_entropy`.

    Args:
        name: str, name of the metric.
        dtype: dtype of the state and the result.
    """

    _score = staticmethod(mask_entropy)

    def __init__(self, name: str = "mask_entropy", dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="genesis_keras")
class SlotCountError(keras.metrics.Mean):
    """Mean absolute error of the number of slots; see `slot_count_error`.

    Args:
        name: str, name of the metric.
        dtype: dtype of the state and the result.

    Example:
    >>> metric = SlotCountError()
    >>> metric.update_state([[[0, 1, 2]]], [5])  # two objects and the background
    >>> float(metric.result())
    2.0
    """

    def __init__(
        self, name: str = "slot_count_error", dtype: str | None = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: None = None
    ) -> None:
        """Adds a batch of images.

        Args:
            y_true: integer labels `[B, H, W, 1]` or `[B, H, W]`.
            y_pred: integers `[B]`, the slots used in each image.
            sample_weight: optional tensor of `B` weights.
        """
        errors = slot_count_error(y_pred, tf.convert_to_tensor(y_true))
        super().update_state(errors, sample_weight)
