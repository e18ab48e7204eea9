"""Mask guidance: object masks first learn from attention masks (not in the paper)."""

import tensorflow as tf

from genesis_keras.distributions.latents import categorical_kl
from genesis_keras.types import Tensor


def mask_guidance(log_masks: Tensor, log_object_masks: Tensor) -> Tensor:
    """Returns KL[nograd(m) || pi] of each image `[B]`, in nats, summed over pixels.

    Early in training every slot may decode to the whole image, with equal object masks,
    so that the slots are indistinguishable: a saddle point that some runs never leave.
    The attention masks differ from the beginning, since they are blobs around random
    seeds. Object masks that follow them make each slot model its own region first.
    Slot Attention uses the term for both kinds of masks, to follow its clusters.

    Args:
        log_masks: Log attention masks m `[B, K, H, W, 1]`, or other masks to follow; no
            gradient flows through them.
        log_object_masks: Log object masks pi `[B, K, H, W, 1]`.
    """
    per_pixel = categorical_kl(tf.stop_gradient(log_masks), log_object_masks, axis=1)
    return tf.reduce_sum(per_pixel, axis=[1, 2, 3])
