"""Statistics of the use of slots, which do not require ground truth.

They reveal a failing run long before the scores do: if all pixels are assigned to one
slot, `used_slots` falls to 1 and `largest_slot` rises to 1.
"""

import math

import tensorflow as tf

from genesis_keras.metrics.segmentation import labels_from_masks
from genesis_keras.types import Tensor

MIN_SHARE = 0.01
"""Minimum fraction of the pixels of a slot that counts as used."""


def slot_shares(masks: Tensor) -> Tensor:
    """Fraction of the pixels assigned to every slot, by the largest mask.

    Args:
        masks: Masks or log masks `[B, K, H, W, 1]`.

    Returns:
        float32 tensor `[B, K]`, which sums to 1 over the slots.

    Raises:
        ValueError: See `labels_from_masks`.
    """
    masks = tf.convert_to_tensor(masks)
    members = tf.one_hot(labels_from_masks(masks), masks.shape[1])  # [B, H, W, K]
    return tf.reduce_mean(members, axis=[1, 2])


def largest_slot(masks: Tensor) -> Tensor:
    """Fraction of the pixels in the largest slot of every image; 1 is a collapse.

    Args:
        masks: Masks or log masks `[B, K, H, W, 1]`.

    Returns:
        float32 tensor `[B]` in `[1 / K, 1]`.

    Raises:
        ValueError: See `labels_from_masks`.
    """
    return tf.reduce_max(slot_shares(masks), axis=1)


def used_slots(masks: Tensor) -> Tensor:
    """Number of slots that have at least 1% of the pixels of an image.

    Args:
        masks: Masks or log masks `[B, K, H, W, 1]`.

    Returns:
        float32 tensor `[B]` of integer values.

    Raises:
        ValueError: See `labels_from_masks`.
    """
    used = slot_shares(masks) >= MIN_SHARE
    return tf.reduce_sum(tf.cast(used, tf.float32), axis=1)


def mask_entropy(log_masks: Tensor) -> Tensor:
    """Normalised entropy of the masks, averaged over the pixels of every image.

        H = -1 / (H W log K) sum_pixels sum_k m_k log m_k

    It is 0 for a hard assignment, and 1 if all masks are equal everywhere.

    Args:
        log_masks: Log masks `[B, K, H, W, 1]`, normalised over K; about -1e10 for
            unused slots.

    Returns:
        float32 tensor `[B]` in `[0, 1]`; 0 for K = 1.
    """
    log_masks = tf.cast(log_masks, tf.float32)
    terms = -tf.math.multiply_no_nan(log_masks, tf.exp(log_masks))
    entropy = tf.reduce_mean(tf.reduce_sum(terms, axis=1), axis=[1, 2, 3])
    return entropy / math.log(max(log_masks.shape[1], 2))
