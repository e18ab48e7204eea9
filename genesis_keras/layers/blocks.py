"""Building blocks of the layers: coordinates, initialisers, convolution blocks.

The initialisers are the defaults of PyTorch, which the authors' release uses: uniform
in +-1/sqrt(fan_in) for the kernels and biases of all dense and convolutional layers.
Normalisation layers use an epsilon of 1e-5 rather than Keras's 1e-3.
"""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer, quoted
from genesis_keras.layers.group_normalization import GroupNormalization
from genesis_keras.types import Config, Layer, Shape, Tensor

NORM_EPSILON = 1e-5
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
    return keras.layers.Conv2D(
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
    sums = tf.constant(_TAP_SUMS, kernel.dtype)
    kernel = tf.einsum("ia,jb,abcf->ijfc", sums, sums, kernel)  # [4, 4, filters, C]
    return conv_transpose(inputs, kernel)


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
    return tf.reverse(x, [1, 2])


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


@keras.saving.register_keras_serializable("genesis_keras")
class ConvBlock(keras.layers.Layer):
    """3x3 convolution without bias, normalisation, ReLU; keeps the resolution.

    Args:
        filters: Number of output channels.
        groups: Groups of the group normalisation. Defaults to 8; -1 is instance
            normalisation (one group per channel).
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[N, H, W, C]`.
        below: Output of the block below, `[N, H/2, W/2, D]`, or None. It is upsampled
            (nearest neighbour) and concatenated before the inputs.

    Returns:
        `[N, H, W, filters]`.
    """

    def __init__(self, filters: int, groups: int = NORM_GROUPS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = integer("filters", filters, least=1)
        self.groups = integer("groups", groups, least=1, also=-1)

    def build(self, inputs_shape: Shape, below_shape: Shape | None = None) -> None:
        channels = inputs_shape[-1] + (below_shape[-1] if below_shape else 0)
        self.conv = conv(
            self.filters,
            3,
            channels,
            padding="same",
            use_bias=False,
            dtype=self.dtype_policy,
            name="conv",
        )
        self.norm = GroupNormalization(
            groups=self.groups,
            epsilon=NORM_EPSILON,
            activation="relu",
            dtype=self.dtype_policy,
            name="norm",
        )
        self.conv.build((*inputs_shape[:-1], channels))
        self.norm.build((*inputs_shape[:-1], self.filters))

    def call(self, inputs: Tensor, below: Tensor | None = None) -> Tensor:
        if below is None:
            return self.norm(self.conv(inputs))
        # The convolution of concatenated channels is a sum of two convolutions.
        kernel = tf.cast(self.conv.kernel, inputs.dtype)
        kernel_below, kernel = tf.split(kernel, [below.shape[-1], -1], axis=2)
        x = tf.nn.conv2d(inputs, kernel, strides=1, padding="SAME")
        return self.norm(x + conv_upsampled(below, kernel_below))

    def compute_output_shape(
        self, inputs_shape: Shape, below_shape: Shape | None = None
    ) -> Shape:
        return (*inputs_shape[:-1], self.filters)

    def get_config(self) -> Config:
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}


@keras.saving.register_keras_serializable("genesis_keras")
class UpConvBlock(keras.layers.Layer):
    """5x5 transposed convolution of stride 2, GroupNorm, ReLU; doubles the side.

    The full transposed convolution of n pixels has 2n + 3, of which the release crops 2
    before and 1 after. TensorFlow's "SAME", the only option that is fast on a CPU,
    crops 1 before and 2 after, which is the mirror image. The block therefore flips its
    inputs and its kernel. Within a stack of blocks the images can stay flipped.

    Args:
        filters: Number of output channels, a multiple of 8.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[N, H, W, C]`.
        mirrored: Whether inputs and outputs are mirrored (`mirror`). Defaults to False.

    Returns:
        `[N, 2H, 2W, filters]`.
    """

    KERNEL_SIZE = 5

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = integer(
            "filters", filters, least=NORM_GROUPS, multiple_of=NORM_GROUPS
        )

    def build(self, input_shape: Shape) -> None:
        fan_in = self.KERNEL_SIZE**2 * self.filters
        # A single initialiser object would give both the same values.
        self.kernel = self.add_weight(
            shape=(self.KERNEL_SIZE, self.KERNEL_SIZE, self.filters, input_shape[-1]),
            initializer=fan_in_uniform(fan_in),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.filters,), initializer=fan_in_uniform(fan_in), name="bias"
        )
        self.norm = GroupNormalization(
            groups=NORM_GROUPS,
            epsilon=NORM_EPSILON,
            activation="relu",
            dtype=self.dtype_policy,
            name="norm",
        )
        self.norm.build((*input_shape[:-1], self.filters))

    def call(self, inputs: Tensor, mirrored: bool = False) -> Tensor:
        x = inputs if mirrored else mirror(inputs)
        kernel = tf.reverse(tf.cast(self.kernel, x.dtype), [0, 1])
        x = conv_transpose(x, kernel)  # [N, 2H, 2W, filters]
        x = self.norm(x, bias=tf.convert_to_tensor(self.bias))
        return x if mirrored else mirror(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return batch, 2 * height, 2 * width, self.filters

    def get_config(self) -> Config:
        return {**super().get_config(), "filters": self.filters}
