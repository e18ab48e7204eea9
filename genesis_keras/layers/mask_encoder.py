"""The mask encoder of GENESIS: maps the image to a vector for all mask latents."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import dense
from genesis_keras.layers.gated_convolution import GatedConvolution, gate
from genesis_keras.types import Config, Shape, Tensor

_FILTERS = (32, 32, 64, 64, 64)
_MIN_SIZE, _MAX_SIZE = 16, 128


def mask_strides(image_size: int) -> tuple[int, ...]:
    """Returns the strides of the five gated convolutions.

    Args:
        image_size: Side of the images, a power of two from 16 to 128.

    Raises:
        ValueError: If `image_size` is anything else.
    """
    integer("image_size", image_size, _MIN_SIZE, _MAX_SIZE, power_of_two=True)
    return (2, 2, 2, 1, 1) if image_size > 64 else (1, 2, 1, 2, 1)


@keras.saving.register_keras_serializable("genesis_keras")
class MaskEncoder(keras.layers.Layer):
    """Five gated convolutions, then one over the entire feature map (GENESIS).

    Args:
        units: Size of the output. Defaults to 256.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        images: `[B, H, H, 3]`, H a power of two from 16 to 128.
        training: Mode of the BatchNorms. Defaults to False.

    Returns:
        `[B, units]`.

    Raises:
        ValueError: If the images have another side.

    Example:
        >>> MaskEncoder()(tf.zeros([2, 32, 32, 3])).shape
        TensorShape([2, 256])
    """

    def __init__(self, units: int = 256, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = integer("units", units, least=1)

    def build(self, input_shape: Shape) -> None:
        _, side, _, channels = input_shape
        self.convolutions = []
        for i, (filters, strides) in enumerate(
            zip(_FILTERS, mask_strides(side), strict=True)
        ):
            layer = GatedConvolution(
                filters, strides, dtype=self.dtype_policy, name=f"down_{i}"
            )
            layer.build((None, side, side, channels))
            self.convolutions.append(layer)
            side, channels = side // strides, filters
        # A convolution whose kernel covers the input is a dense layer.
        num_inputs = side**2 * channels
        self.project = dense(
            2 * self.units, num_inputs, dtype=self.dtype_policy, name="project"
        )
        self.project.build((None, num_inputs))

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        x = images
        for layer in self.convolutions:
            x = layer(x, training=training)
        x = tf.reshape(x, [-1, self.project.kernel.shape[0]])  # order H, W, C
        return gate(self.project(x))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape[0], self.units

    def get_config(self) -> Config:
        return {**super().get_config(), "units": self.units}
