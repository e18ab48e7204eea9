"""The objective: reconstruction error plus weighted KL (Eq. 5 and 7)."""

import tensorflow as tf

from genesis_keras.types import Outputs, Tensor


def weighted_loss(outputs: Outputs, beta: Tensor) -> Tensor:
    """Returns the training loss, a scalar in nats per image.

    Args:
        outputs: Outputs of a model, with `reconstruction_error [B]`, `kl_latents [B,
            K]` and `kl_masks [B]`.
        beta: Weight of both KL terms, scalar.
    """
    error = tf.reduce_mean(outputs["reconstruction_error"])
    kl = tf.reduce_sum(outputs["kl_latents"], axis=-1) + outputs["kl_masks"]
    return error + beta * tf.reduce_mean(kl)


def elbo(reconstruction_error: Tensor, kl_latents: Tensor) -> Tensor:
    """Returns the evidence lower bound of each image `[B]`, in nats.

    The KL of the masks is a regulariser and not included.

    Args:
        reconstruction_error: `-log p(x | z)` in nats `[B]`.
        kl_latents: KL of each slot in nats `[B, K]`.
    """
    return -(reconstruction_error + tf.reduce_sum(kl_latents, axis=-1))
