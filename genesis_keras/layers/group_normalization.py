"""Group normalisation, fused with the preceding bias and the subsequent ReLU."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import choice, integer, number
from genesis_keras.layers.compilation import is_cpu_only, worth_compiling
from genesis_keras.types import Config, Shape, Tensor

ACTIVATIONS = (None, "relu")
_NUM_GUESSING_PIXELS = 64


def group_normalize(
    inputs: Tensor,
    gamma: Tensor,
    beta: Tensor,
    bias: Tensor | None = None,
    groups: int = 8,
    epsilon: float = 1e-5,
    activation: str | None = None,
) -> Tensor:
    """Normalises groups of channels over all pixels (Wu & He, 2018).

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta,  x = inputs + bias

    where mean and variance are taken over one image and one group of channels, always
    in float32.

    On a CPU this is bound by memory bandwidth: executed operation by operation, it
    takes as long as the preceding convolution. For this reason the gradient is written
    by hand, the bias is only applied through the means, and the formulas are compiled
    by XLA into a few passes over the data (`worth_compiling`).

    Args:
        inputs: `[N, ..., C]`.
        gamma: Scale of each channel `[C]`.
        beta: Offset of each channel `[C]`.
        bias: Added to the inputs `[C]`; None for zero.
        groups: Number of groups, a divisor of C.
        epsilon: Added to the variance.
        activation: "relu" or None.

    Returns:
        `[N, ..., C]` in the type of the inputs.
    """
    inputs = tf.convert_to_tensor(inputs)
    precise = tf.float64 if inputs.dtype == tf.float64 else tf.float32
    if bias is None:
        bias = tf.zeros_like(gamma)
    forward, backward, sum_both = _forward, _backward, _sum_both
    if worth_compiling(inputs.shape):
        forward, backward = _compiled_forward, _compiled_backward
        sum_both = _sum_both_fused
    elif is_cpu_only():
        sum_both = _sum_both_matmul
    settings = {"groups": groups, "activation": activation, "sum_both": sum_both}

    @tf.custom_gradient
    def normalize(inputs, gamma, beta, bias):
        outputs, statistics = forward(inputs, gamma, beta, bias, epsilon, **settings)

        def gradient(upstream):
            return backward(upstream, inputs, gamma, beta, statistics, **settings)

        return outputs, gradient

    return normalize(
        inputs, tf.cast(gamma, precise), tf.cast(beta, precise), tf.cast(bias, precise)
    )


def _forward(inputs, gamma, beta, bias, epsilon, groups, activation, sum_both):
    x = _flatten(inputs, gamma.dtype)  # [N, P, C]
    num_pixels = tf.cast(tf.shape(x)[1], x.dtype)
    # E[x^2] - E[x]^2 would cancel all digits of a small variance, and computing the
    # mean first takes another pass. Subtracting the mean of a few pixels is enough.
    guess = _mean_of_some_pixels(x)  # [N, 1, C], like all statistics
    deviation = x - guess
    sums, squares = sum_both(deviation, tf.square(deviation))
    shift = bias - _group_mean(guess + sums / num_pixels + bias, groups)
    offset = guess + shift  # x + shift, the centred values, are deviation + offset
    variance = (squares + 2.0 * offset * sums) / num_pixels + tf.square(offset)
    rate = tf.math.rsqrt(_group_mean(variance, groups) + epsilon)
    outputs = (x + shift) * (rate * gamma) + beta
    if activation == "relu":
        outputs = tf.nn.relu(outputs)
    outputs = tf.reshape(tf.cast(outputs, inputs.dtype), tf.shape(inputs))
    return outputs, (sums + num_pixels * offset, shift, rate)


def _backward(upstream, inputs, gamma, beta, statistics, groups, activation, sum_both):
    """Gradients with respect to inputs, gamma, beta and bias.

    With z = centred * rate, the normalised values, and g = d loss / d y:
    d x = rate * (gamma g - mean(gamma g) - z mean(gamma g z)), means over the group.
    """
    sum_centred, shift, rate = statistics
    scale = rate * gamma
    g = _flatten(upstream, gamma.dtype)  # [N, P, C]
    centred = _flatten(inputs, gamma.dtype) + shift
    if activation == "relu":
        # Recomputed, since this is cheaper than reading the outputs from memory.
        g = tf.where(centred * scale + beta > 0, g, 0.0)
    num_pixels = tf.cast(tf.shape(g)[1], g.dtype)
    d_beta, d_gamma = sum_both(g, g * centred)  # [N, 1, C]
    d_gamma *= rate
    constant = rate * _group_mean(gamma * d_beta / num_pixels, groups)
    slope = rate * rate * _group_mean(gamma * d_gamma / num_pixels, groups)
    d_inputs = g * scale - (centred * slope + constant)
    # The sum of d_inputs over the pixels, derived from the sums above.
    d_bias = d_beta * scale - (sum_centred * slope + num_pixels * constant)
    return (
        tf.reshape(tf.cast(d_inputs, inputs.dtype), tf.shape(inputs)),
        tf.reduce_sum(d_gamma, axis=[0, 1]),
        tf.reduce_sum(d_beta, axis=[0, 1]),
        tf.reduce_sum(d_bias, axis=[0, 1]),
    )


def _flatten(x, dtype):
    """`[N, ..., C]` -> `[N, P, C]`, P pixels."""
    shape = tf.shape(x)
    num_pixels = tf.reduce_prod(shape[1:-1])
    return tf.reshape(tf.cast(x, dtype), [shape[0], num_pixels, x.shape[-1]])


def _group_mean(x, groups):
    """Returns the mean over each channel's group, `[N, 1, C]`."""
    shape = tf.shape(x)
    x = tf.reshape(x, [shape[0], 1, groups, x.shape[-1] // groups])
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    return tf.reshape(tf.broadcast_to(mean, tf.shape(x)), shape)


def _mean_of_some_pixels(x):
    """`[N, P, C]` -> `[N, 1, C]`, a mean over pixels on a diagonal of the image."""
    num_pixels = x.shape[1] or tf.shape(x)[1]
    stride = num_pixels // _NUM_GUESSING_PIXELS + 1
    mean = tf.reduce_mean(x[:, ::stride], axis=1, keepdims=True)
    return tf.ensure_shape(mean, [None, 1, x.shape[-1]])


def _sum_both(x, y):
    """Sums both arguments over the pixels, `[N, P, C]` -> `[N, 1, C]`."""
    return [tf.reduce_sum(part, axis=1, keepdims=True) for part in (x, y)]


def _sum_both_matmul(x, y):
    """`_sum_both`, about twice as fast outside XLA on a CPU.

    Not for GPUs, which by default multiply matrices in low precision (TF32).
    """
    ones = tf.ones([1, 1, tf.shape(x)[1]], x.dtype)
    return [tf.matmul(ones, part) for part in (x, y)]


def _sum_both_fused(x, y):
    """`_sum_both` for XLA on a CPU, in one sweep over the data.

    Both are summed at once as complex numbers. The sum is a series of additions because
    XLA fuses the computation of `x` and `y` into these, but not into one long
    reduction, for which it would write them to memory first.
    """
    pair = tf.complex(x, y)
    num_parts = 8 if pair.shape[1] % 8 == 0 else 1
    pair = tf.add_n(tf.split(pair, num_parts, axis=1))
    pair = tf.reduce_sum(pair, axis=1, keepdims=True)
    return tf.math.real(pair), tf.math.imag(pair)


_compiled_forward = tf.function(_forward, jit_compile=True, autograph=False)
_compiled_backward = tf.function(_backward, jit_compile=True, autograph=False)


@keras.saving.register_keras_serializable("genesis_keras")
class GroupNormalization(keras.layers.Layer):
    """Group normalisation with bias and activation, see `group_normalize`.

    Like `keras.layers.GroupNormalization` over the last axis followed by an activation,
    but about three times as fast in training on a CPU. The default epsilon is that of
    the authors' release.

    Args:
        groups: Number of groups, a divisor of the number of channels. Defaults to 8; -1
            is instance normalisation, with one group per channel.
        epsilon: Added to the variance. Defaults to 1e-5.
        activation: "relu" or None, applied to the result.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[N, ..., C]`.
        bias: Added to the inputs `[C]`: the bias of the preceding convolution, or None.

    Returns:
        `[N, ..., C]`.

    Raises:
        ValueError: If the activation is unknown, or the number of groups is not a
            divisor.

    Example:
        >>> GroupNormalization(4, activation="relu")(tf.zeros([2, 8, 8, 16])).shape
        TensorShape([2, 8, 8, 16])
    """

    def __init__(
        self,
        groups: int = 8,
        epsilon: float = 1e-5,
        activation: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = integer("groups", groups, least=1, also=-1)
        self.epsilon = number("epsilon", epsilon, above=0)
        self.activation = choice("activation", activation, ACTIVATIONS)

    def build(self, inputs_shape: Shape, bias_shape: Shape | None = None) -> None:
        channels = inputs_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"groups must divide the number of channels; got groups={self.groups} "
                f"and inputs of shape {tuple(inputs_shape)}"
            )
        # Not autocast: the formula is computed in float32.
        self.gamma = self.add_weight(
            shape=(channels,), initializer="ones", name="gamma", autocast=False
        )
        self.beta = self.add_weight(
            shape=(channels,), initializer="zeros", name="beta", autocast=False
        )

    def call(self, inputs: Tensor, bias: Tensor | None = None) -> Tensor:
        return group_normalize(
            inputs,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            bias,
            groups=inputs.shape[-1] if self.groups == -1 else self.groups,
            epsilon=self.epsilon,
            activation=self.activation,
        )

    def compute_output_shape(
        self, inputs_shape: Shape, bias_shape: Shape | None = None
    ) -> Shape:
        return tuple(inputs_shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "groups": self.groups,
            "epsilon": self.epsilon,
            "activation": self.activation,
        }
