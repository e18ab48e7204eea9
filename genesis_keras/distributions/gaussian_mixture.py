"""Mixtures of diagonal Gaussians: density, moments, and samples made of noise.

C is the number of Gaussians of a mixture, D the size of its values. Leading axes `...`
are batch axes.
"""

import tensorflow as tf

from genesis_keras import distributions
from genesis_keras.types import Tensor

_MARGIN = 1e-6  # keeps quantiles off 0 and 1, where a normal variable is infinite


def mixture_log_prob(
    values: Tensor, logits: Tensor, means: Tensor, scales: Tensor
) -> Tensor:
    """Returns `log sum_c softmax(logits)_c N(values; means_c, scales_c^2)`, in nats.

    Args:
        values: `[..., D]`.
        logits: Unnormalised log weights `[..., C]`.
        means: `[..., C, D]`.
        scales: Standard deviations `[..., C, D]`.

    Returns:
        Log densities `[...]`.
    """
    tfd = distributions.tfd
    gaussians = tfd.Independent(tfd.Normal(means, scales), reinterpreted_batch_ndims=1)
    mixture = tfd.MixtureSameFamily(tfd.Categorical(logits=logits), gaussians)
    return mixture.log_prob(values)


def mixture_moments(
    logits: Tensor, means: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the mean and the standard deviation of a mixture, `[..., D]` each.

    Args:
        logits: Unnormalised log weights `[..., C]`.
        means: `[..., C, D]`.
        scales: Standard deviations `[..., C, D]`.
    """
    weights = tf.nn.softmax(logits)[..., None]
    mean = tf.reduce_sum(weights * means, axis=-2)
    variances = tf.square(scales) + tf.square(means - mean[..., None, :])
    return mean, tf.sqrt(tf.reduce_sum(weights * variances, axis=-2))


def mixture_sample(
    noise: Tensor, logits: Tensor, means: Tensor, scales: Tensor
) -> Tensor:
    """Turns standard normal noise into samples of a mixture.

    The quantile u of the first value of the noise is uniform in [0, 1], which the
    weights of the Gaussians divide into C parts. The part that contains u selects the
    Gaussian, and the position of u in this part is again uniform and becomes the first
    value of that Gaussian's noise. So D values of noise are enough.

    Args:
        noise: `[..., D]`.
        logits: Unnormalised log weights `[..., C]`.
        means: `[..., C, D]`.
        scales: Standard deviations `[..., C, D]`.

    Returns:
        Samples `[..., D]`.
    """
    normal = distributions.tfd.Normal(0.0, 1.0)
    weights = tf.nn.softmax(logits)  # [..., C]
    ends = tf.cumsum(weights, axis=-1)
    quantile = normal.cdf(noise[..., :1])  # [..., 1]
    chosen = tf.reduce_sum(tf.cast(quantile > ends[..., :-1], tf.int32), axis=-1)
    choice = tf.one_hot(chosen, logits.shape[-1])  # [..., C]

    def of_chosen(values):
        return tf.reduce_sum(choice[..., None] * values, axis=-2)

    left = of_chosen(ends[..., None]) - quantile
    position = 1.0 - left / of_chosen(weights[..., None])
    position = tf.clip_by_value(position, _MARGIN, 1.0 - _MARGIN)
    noise = tf.concat([normal.quantile(position), noise[..., 1:]], axis=-1)
    return of_chosen(means) + of_chosen(scales) * noise
