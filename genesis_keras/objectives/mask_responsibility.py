"""Mask responsibility: attention masks learn from the decoder (not in the paper)."""

import tensorflow as tf

from genesis_keras.types import Outputs, Tensor

_FLOOR = 1e-5


def log_responsibilities(
    images: Tensor, log_object_masks: Tensor, components: Tensor, pixel_scale: float
) -> Tensor:
    """Returns the log responsibilities of the slots, `[B, K, H, W, 1]`.

    `r_k = pi_k N(x; x_k, sigma_x^2) / sum_j pi_j N(x; x_j, sigma_x^2)`: the E-step of
        the mixture of Eq. 1, with all channels of a pixel combined.

    Args:
        images: Images x `[B, H, W, 3]`.
        log_object_masks: Log object masks pi `[B, K, H, W, 1]`.
        components: RGB means x_k `[B, K, H, W, 3]`.
        pixel_scale: sigma_x.
    """
    distance = tf.square((images[:, None] - components) / pixel_scale)
    log_joint = log_object_masks - 0.5 * tf.reduce_sum(distance, -1, keepdims=True)
    return tf.nn.log_softmax(log_joint, axis=1)


def mask_responsibility(images: Tensor, outputs: Outputs, pixel_scale: float) -> Tensor:
    """Returns the cross-entropy of nograd(r) and m of each image `[B]`, in nats.

    The loss is summed over pixels. It only affects the attention masks m, which it
    moves towards the slots that explain the pixels best: an amortised E-step of
    expectation maximisation. The reconstruction loss cannot achieve this through the
    pooling, where it rewards masks that carry information rather than masks of objects.

    Args:
        images: `[B, H, W, 3]`.
        outputs: The model's outputs, with `log_masks`, `log_object_masks` and
            `components`; no gradient flows through the last two.
        pixel_scale: sigma_x.
    """
    responsibilities = tf.exp(
        tf.stop_gradient(
            log_responsibilities(
                images, outputs["log_object_masks"], outputs["components"], pixel_scale
            )
        )
    )
    # Unused slots have log masks of -1e10; a floor keeps the product finite.
    log_masks = tf.math.log(tf.exp(outputs["log_masks"]) + _FLOOR)
    return -tf.reduce_sum(responsibilities * log_masks, axis=[1, 2, 3, 4])
