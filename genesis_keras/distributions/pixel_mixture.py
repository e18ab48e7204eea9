"""The image likelihood: a spatial Gaussian mixture over slots (Eq. 1)."""

import tensorflow as tf

from genesis_keras import distributions
from genesis_keras.types import Tensor, TensorLike


def pixel_mixture(log_masks: Tensor, means: Tensor, scale: TensorLike) -> Tensor:
    """Returns p(x | z) as a distribution over images.

    Every value of the image (pixel and channel) is a mixture over the slots:
    `log p(x) = sum_{h,w,c} log sum_k m_k N(x; mu_k, scale^2)`.

    Args:
        log_masks: Log mixing weights `[B, K, H, W, 1]`, normalised over K.
        means: RGB means of the slots `[B, K, H, W, 3]`.
        scale: Standard deviation sigma_x, the same for all slots; 0.7 in the paper.

    Returns:
        A distribution with batch shape `[B]` and event shape `[H, W, 3]`.
    """
    weights = tf.transpose(log_masks, [0, 2, 3, 4, 1])  # [B, H, W, 1, K]
    locations = tf.transpose(means, [0, 2, 3, 4, 1])  # [B, H, W, 3, K]
    mixture = distributions.tfd.MixtureSameFamily(
        distributions.tfd.Categorical(logits=weights),
        distributions.tfd.Normal(locations, scale),
    )
    return distributions.tfd.Independent(mixture, reinterpreted_batch_ndims=3)


def reconstruction_error(
    images: Tensor, log_masks: Tensor, means: Tensor, scale: TensorLike
) -> Tensor:
    """Returns `-log p(x | z)` of each image `[B]`, in nats, summed over pixels.

    That is `-pixel_mixture(log_masks, means, scale).log_prob(images)`, without moving
    the slots to the last axis and normalising the masks again.
    """
    log_likelihood = distributions.tfd.Normal(means, scale).log_prob(images[:, None])
    log_likelihood = tf.reduce_logsumexp(log_masks + log_likelihood, axis=1)
    return -tf.reduce_sum(log_likelihood, axis=[1, 2, 3])


def mixture_mean(log_masks: Tensor, means: Tensor) -> Tensor:
    """Returns the mean of the mixture, an image `[B, H, W, 3]`.

    Args:
        log_masks: `[B, K, H, W, 1]`, normalised over K.
        means: RGB means of the slots `[B, K, H, W, 3]`.
    """
    return tf.reduce_sum(tf.exp(log_masks) * means, axis=1)
