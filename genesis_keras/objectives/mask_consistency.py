"""Mask consistency: attention masks should resemble object masks (Eq. 7)."""

import tensorflow as tf

from genesis_keras.distributions.latents import categorical_kl
from genesis_keras.types import Tensor


def mask_consistency(log_masks: Tensor, log_object_masks: Tensor) -> Tensor:
    """Returns KL[m || nograd(pi)] of each image `[B]`, in nats, summed over pixels.

    Args:
        log_masks: Log attention masks m `[B, K, H, W, 1]`.
        log_object_masks: Log object masks pi `[B, K, H, W, 1]`; no gradient flows
            through them.
    """
    per_pixel = categorical_kl(log_masks, tf.stop_gradient(log_object_masks), axis=1)
    return tf.reduce_sum(per_pixel, axis=[1, 2, 3])
