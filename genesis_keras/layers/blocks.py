"""What layers have in common: coordinates, initialisers, convolutions.

The initialisers are the defaults of PyTorch, which the authors' release uses: uniform
in +-1/sqrt(fan_in) for the kernels and biases of all dense and convolutional layers.
Normalisation layers use an epsilon of 1e-5 rather than Keras's 1e-3.
"""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from genesis_keras.arguments import quoted
from genesis_keras.layers.pointwise_convolution import PointwiseConv2D
from genesis_keras.types import Layer, Tensor

NORM_EPSILON = 1e-5
MASS_EPSILON = 1e-5  # keeps means under an empty mask finite
NORM_GROUPS = 8
# Which of the 3 taps fall on the same input pixel after upsampling, along a side.
_TAP_SUMS = [[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]]


def coordinates(height: int, width: int, dtype: str = "float32") -> Tensor:
    """Returns pixel coordinates in [-1, 1], row (y) first, then column (x).

    Args:
        height: Number of rows.
        width: Number of columns.
        dtype: Floating point type of the result.

    Returns:
        Tensor `[height, width, 2]`; the first row has y = -1, the last y = 1.
    """
    y = tf.linspace(tf.constant(-1.0, dtype), 1.0, height)
    x = tf.linspace(tf.constant(-1.0, dtype), 1.0, width)
    return tf.stack(tf.meshgrid(y, x, indexing="ij"), axis=-1)


def fan_in_uniform(fan_in: int) -> Any:
    """Returns an initialiser that is uniform in +-1/sqrt(fan_in)."""
    bound = 1.0 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-bound, bound)


def initialize_glorot(layer: Layer, keep: Sequence[Layer] = ()) -> None:
    """Reinitialises kernels as Glorot uniform, and biases as zeros.

    Glorot's kernels are larger than the release's, especially in the last layers. This
    amplifies the initial differences between objects from which a decoder learns.

    Args:
        layer: A built layer or model; sublayers are included.
        keep: Weights that are not changed.
    """
    kept = {id(weight) for weight in keep}
    for weight in layer.trainable_weights:
        if id(weight) in kept:
            continue
        if weight.name in ("kernel", "recurrent_kernel"):
            weight.assign(keras.initializers.GlorotUniform()(weight.shape))
        elif weight.name == "bias":
            weight.assign(tf.zeros(weight.shape))


def dense(units: int, in_features: int, **kwargs: Any) -> Layer:
    """Returns a `keras.layers.Dense` with the release's initialisation.

    Args:
        units: Size of the output.
        in_features: Size of the input, from which the bounds follow.
        **kwargs: Further arguments of `keras.layers.Dense`.
    """
    return keras.layers.Dense(
        units,
        kernel_initializer=fan_in_uniform(in_features),
        bias_initializer=fan_in_uniform(in_features),
        **kwargs,
    )


def conv(filters: int, kernel_size: int, in_channels: int, **kwargs: Any) -> Layer:
    """Returns a `keras.layers.Conv2D` with the release's initialisation.

    Args:
        filters: Number of output channels.
        kernel_size: Side of the square kernel.
        in_channels: Number of input channels, from which the bounds follow.
        **kwargs: Further arguments of `keras.layers.Conv2D`.
    """
    fan_in = kernel_size**2 * in_channels
    layer = PointwiseConv2D if kernel_size == 1 else keras.layers.Conv2D
    return layer(
        filters,
        kernel_size,
        kernel_initializer=fan_in_uniform(fan_in),
        bias_initializer=fan_in_uniform(fan_in),
        **kwargs,
    )


def lstm_cell(units: int, **kwargs: Any) -> Layer:
    """Returns a `keras.layers.LSTMCell` with the release's initialisation.

    Args:
        units: Size of the state, from which all bounds follow.
        **kwargs: Further arguments of `keras.layers.LSTMCell`.
    """
    # One initialiser each: reusing the same object would give the same values.
    return keras.layers.LSTMCell(
        units,
        kernel_initializer=fan_in_uniform(units),
        recurrent_initializer=fan_in_uniform(units),
        bias_initializer=fan_in_uniform(units),
        unit_forget_bias=False,
        **kwargs,
    )


def conv_upsampled(inputs: Tensor, kernel: Tensor) -> Tensor:
    """Upsamples by 2 (nearest neighbour) and convolves, in one operation.

    After upsampling, each output depends on only 2x2 different input pixels, weighted
    by sums of kernel entries. This is a transposed convolution of stride 2 with a 4x4
    kernel of those sums, which needs 4/9 of the operations.

    Args:
        inputs: `[N, H, W, C]`.
        kernel: `[3, 3, C, filters]`.

    Returns:
        `[N, 2H, 2W, filters]`.
    """
    channels, filters = kernel.shape[2:]
    kernel = tf.transpose(kernel, [0, 1, 3, 2])  # [3, 3, filters, C]
    sums = tf.constant(np.kron(_TAP_SUMS, _TAP_SUMS), kernel.dtype)  # [16, 9]
    kernel = tf.matmul(sums, tf.reshape(kernel, [9, filters * channels]))
    return conv_transpose(inputs, tf.reshape(kernel, [4, 4, filters, channels]))


def conv_transpose(inputs: Tensor, kernel: Tensor, strides: int = 2) -> Tensor:
    """Transposed convolution with TensorFlow's "SAME" cropping.

    Args:
        inputs: `[N, H, W, C]`.
        kernel: `[k, k, filters, C]`.
        strides: Upsampling factor.

    Returns:
        `[N, strides * H, strides * W, filters]`.
    """
    batch, height, width, _ = (
        static or dynamic
        for static, dynamic in zip(
            inputs.shape, tf.unstack(tf.shape(inputs)), strict=True
        )
    )
    return tf.nn.conv2d_transpose(
        inputs,
        kernel,
        output_shape=[batch, strides * height, strides * width, kernel.shape[2]],
        strides=strides,
        padding="SAME",
    )


def mirror(x: Tensor) -> Tensor:
    """Flips images `[N, H, W, C]` vertically and horizontally."""
    # Flipping both axes reverses the order of the pixels, which is faster.
    shape = tf.shape(x)
    pixels = tf.reshape(x, [shape[0], shape[1] * shape[2], x.shape[-1]])
    return tf.ensure_shape(tf.reshape(tf.reverse(pixels, [1]), shape), x.shape)


def activation_name(name: str, value: Any) -> str | None:
    """Validates and returns the name of a Keras activation.

    Args:
        name: Name of the argument, for the message.
        value: Its value.

    Raises:
        ValueError: If Keras has no activation of this name.
    """
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            keras.activations.get(value)
            return str(value)
    raise ValueError(f"{name} must name an activation of Keras; got {quoted(value)}")


def slots_of(x: Tensor) -> Tensor:
    """Returns K of `[B, K, ...]`, as a scalar tensor if it is not static."""
    return tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
