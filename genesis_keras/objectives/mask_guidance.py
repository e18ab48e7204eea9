"""Mask guidance: at first, object masks learn from attention masks (ours)."""

import tensorflow as tf

from genesis_keras.distributions.latents import categorical_kl


def mask_guidance(log_masks, log_object_masks):
    """Returns KL[nograd(m) || pi] of each image `[B]`, in nats, summed over pixels.

    Early in training every slot can draw the whole image, all object masks are
    equal and nothing tells slots apart: a saddle that some runs never leave. The
    attention masks differ from the start (they are blobs around random seeds), so
    object masks that follow them make each slot answer for its own place first.

    Args:
        log_masks: Log attention masks m `[B, K, H, W, 1]`; no gradient flows
            through them.
        log_object_masks: Log object masks pi `[B, K, H, W, 1]`.
    """
    per_pixel = categorical_kl(tf.stop_gradient(log_masks), log_object_masks, axis=1)
    return tf.reduce_sum(per_pixel, axis=[1, 2, 3])


def guidance_weight(step, initial_weight, num_steps):
    """Returns the weight at a step: linear from `initial_weight` to 0.

    Args:
        step: Training steps taken before, an integer tensor.
        initial_weight: Weight of the first step; 0 switches the term off.
        num_steps: The first step without the term, at least 1.
    """
    share_left = 1.0 - tf.cast(step, "float32") / num_steps
    return initial_weight * tf.maximum(share_left, 0.0)


def check_guidance(initial_weight, num_steps):
    """Raises ValueError where the arguments of `guidance_weight` are out of range.

    Args:
        initial_weight: The model's `mask_guidance`, at least 0.
        num_steps: The model's `mask_guidance_steps`, at least 1.
    """
    if initial_weight < 0:
        raise ValueError(f"mask_guidance must not be negative; got {initial_weight}")
    if num_steps < 1:
        raise ValueError(f"mask_guidance_steps must be at least 1; got {num_steps}")
