"""Gated convolution: half of the channels gate the other half."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.batch_normalization import BatchNormalization
from genesis_keras.layers.blocks import fan_in_uniform
from genesis_keras.types import Config, Shape, Tensor

KERNEL_SIZE = 5


def gate(x: Tensor) -> Tensor:
    """Returns the first half of the channels `[..., 2C]` times sigmoid(second half)."""
    features, gates = tf.split(x, 2, axis=-1)
    return features * tf.sigmoid(gates)


@keras.saving.register_keras_serializable("genesis_keras")
class GatedConvolution(keras.layers.Layer):
    """5x5 convolution to 2N channels, BatchNorm, gate (van den Berg et al., 2018).

    Pads 2 pixels on both sides. The release normalises features and gates separately;
    since BatchNorm treats channels independently, a single one is equivalent.

    Args:
        filters: N, the number of output channels.
        strides: 1 keeps the resolution, 2 halves it.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[N, H, W, C]`; H and W are multiples of `strides`.
        training: Mode of the BatchNorm. Defaults to False.

    Returns:
        `[N, H / strides, W / strides, filters]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> GatedConvolution(16, strides=2)(tf.zeros([2, 8, 8, 3])).shape
        TensorShape([2, 4, 4, 16])
    """

    def __init__(self, filters: int, strides: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = integer("filters", filters, least=1)
        self.strides = integer("strides", strides, least=1)

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        fan_in = KERNEL_SIZE**2 * channels
        self.kernel = self.add_weight(
            shape=(KERNEL_SIZE, KERNEL_SIZE, channels, 2 * self.filters),
            initializer=fan_in_uniform(fan_in),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(2 * self.filters,), initializer=fan_in_uniform(fan_in), name="bias"
        )
        self.norm = BatchNormalization(dtype=self.dtype_policy, name="norm")
        self.norm.build((*input_shape[:-1], 2 * self.filters))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        # With stride 2, "SAME" pads 1 before and 2 after.
        border = KERNEL_SIZE // 2
        after = border - (self.strides - 1)  # no window covers the remaining padding
        x = tf.pad(inputs, [[0, 0], [border, after], [border, after], [0, 0]])
        x = tf.nn.conv2d(x, tf.cast(self.kernel, x.dtype), self.strides, "VALID")
        x = self.norm(x, bias=tf.convert_to_tensor(self.bias), training=training)
        return gate(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        sides = (-(-height // self.strides), -(-width // self.strides))
        return batch, *sides, self.filters

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
        }
