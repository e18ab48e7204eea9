"""A transposed convolution with GroupNorm and ReLU, the block of the decoder."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import (
    NORM_EPSILON,
    NORM_GROUPS,
    conv_transpose,
    fan_in_uniform,
    mirror,
)
from genesis_keras.layers.group_normalization import GroupNormalization
from genesis_keras.types import Config, Shape, Tensor


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
