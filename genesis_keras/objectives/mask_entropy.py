"""Entropy of masks: each pixel should belong to a single slot."""

import tensorflow as tf

from genesis_keras.types import Tensor


def mask_entropy(log_masks: Tensor) -> Tensor:
    """Returns the entropy of the distribution over slots at a pixel, in nats.

    It is averaged over images and pixels. A reconstruction is the same whether one
    slot or several like slots draw an object; the entropy is lower with one.

    Args:
        log_masks: Finite log masks `[B, K, H, W, 1]`, normalised over the slots.

    Returns:
        A scalar between 0 and log K.
    """
    return -tf.reduce_mean(tf.reduce_sum(tf.exp(log_masks) * log_masks, axis=1))
