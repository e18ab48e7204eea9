"""Gated transposed convolution, the counterpart of `gated_convolution`."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.batch_normalization import BatchNormalization
from genesis_keras.layers.blocks import conv_transpose, fan_in_uniform, mirror
from genesis_keras.layers.gated_convolution import KERNEL_SIZE, gate
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class GatedTransposedConvolution(keras.layers.Layer):
    """5x5 transposed convolution to 2N channels, BatchNorm, gate.

    With stride 2 the full result has 2n + 3 pixels per side, of which 2 are cropped
    before and 1 after. As in `UpConvBlock`, this is done on mirrored images.

    Args:
        filters: N, the number of output channels.
        strides: 1 keeps the resolution, 2 doubles it.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[N, H, W, C]`.
        training: Mode of the BatchNorm. Defaults to False.
        mirrored: Whether inputs and outputs are mirrored (`mirror`). Defaults to False.

    Returns:
        `[N, strides * H, strides * W, filters]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> GatedTransposedConvolution(16, strides=2)(tf.zeros([2, 4, 4, 3])).shape
        TensorShape([2, 8, 8, 16])
    """

    def __init__(self, filters: int, strides: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = integer("filters", filters, least=1)
        self.strides = integer("strides", strides, least=1)

    def build(self, input_shape: Shape) -> None:
        width = 2 * self.filters
        fan_in = KERNEL_SIZE**2 * width
        self.kernel = self.add_weight(
            shape=(KERNEL_SIZE, KERNEL_SIZE, width, input_shape[-1]),
            initializer=fan_in_uniform(fan_in),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(width,), initializer=fan_in_uniform(fan_in), name="bias"
        )
        self.norm = BatchNormalization(dtype=self.dtype_policy, name="norm")
        self.norm.build((*input_shape[:-1], width))

    def call(
        self, inputs: Tensor, training: bool = False, mirrored: bool = False
    ) -> Tensor:
        x = inputs if mirrored else mirror(inputs)
        kernel = tf.reverse(tf.cast(self.kernel, x.dtype), [0, 1])
        x = conv_transpose(x, kernel, self.strides)
        x = self.norm(x, bias=tf.convert_to_tensor(self.bias), training=training)
        x = gate(x)
        return x if mirrored else mirror(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return batch, height * self.strides, width * self.strides, self.filters

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
        }
