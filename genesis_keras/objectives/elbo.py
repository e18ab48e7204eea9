"""The objective: reconstruction error plus weighted KL (Eq. 5 and 7)."""

import tensorflow as tf


def weighted_loss(outputs, beta):
    """Returns the training loss, a scalar in nats per image.

    Args:
        outputs: The output contract of a model, of which it reads
            `reconstruction_error [B]`, `kl_latents [B, K]`, `kl_masks [B]`.
        beta: Weight of both KL terms, scalar.
    """
    error = tf.reduce_mean(outputs["reconstruction_error"])
    kl = tf.reduce_sum(outputs["kl_latents"], axis=-1) + outputs["kl_masks"]
    return error + beta * tf.reduce_mean(kl)


def elbo(outputs):
    """Returns the evidence lower bound of each image `[B]`, in nats.

    The mask consistency term is a regulariser and not part of it.

    Args:
        outputs: The output contract of a model.
    """
    kl = tf.reduce_sum(outputs["kl_latents"], axis=-1)
    return -(outputs["reconstruction_error"] + kl)
