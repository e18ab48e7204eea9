"""Decoder of the component VAE: maps component latents to RGB and mask logits."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import (
    activation_name,
    conv,
    coordinates,
    slots_of,
)
from genesis_keras.types import Config, Shape, Tensor

_NUM_CONVOLUTIONS, _FILTERS = 4, 32


@keras.saving.register_keras_serializable("genesis_keras")
class ComponentDecoder(keras.layers.Layer):
    """Spatial broadcast decoder at full resolution (Watters et al., 2019).

    Used by MONet and GENESIS. Each latent is broadcast to the image's size plus a
    border of 4 pixels and concatenated with coordinates. Four 3x3 convolutions without
    padding remove the border, and a 1x1 convolution outputs the channels.

    Args:
        image_size: Side of the images.
        num_channels: Output channels, 3 or 4, without an activation.
        activation: Activation of all layers but the last: "elu" in GENESIS, "relu" in
            MONet.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        latents: `[B, K, D]`.

    Returns:
        `[B, K, H, W, num_channels]`, float32.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> ComponentDecoder(32)(tf.zeros([2, 4, 16])).shape
        TensorShape([2, 4, 32, 32, 3])
    """

    def __init__(
        self,
        image_size: int,
        num_channels: int = 3,
        activation: str = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_size = integer("image_size", image_size, least=1)
        self.num_channels = integer("num_channels", num_channels, least=1)
        self.activation = activation_name("activation", activation)

    def build(self, input_shape: Shape) -> None:
        policy = self.dtype_policy
        channels = input_shape[-1] + 2
        self.activate = keras.activations.get(self.activation)
        self.convolutions = []
        for i in range(_NUM_CONVOLUTIONS):
            layer = conv(_FILTERS, 3, channels, dtype=policy, name=f"conv_{i}")
            layer.build((None, None, None, channels))
            self.convolutions.append(layer)
            channels = _FILTERS
        self.project = conv(
            self.num_channels, 1, channels, dtype=policy, name="project"
        )
        self.project.build((None, None, None, channels))

    def call(self, latents: Tensor) -> Tensor:
        num_slots, dim = slots_of(latents), latents.shape[-1]
        x = self.activate(self._convolve_broadcast(tf.reshape(latents, [-1, dim])))
        for layer in self.convolutions[1:]:
            x = self.activate(layer(x))
        x = tf.cast(self.project(x), "float32")  # [B*K, H, W, channels]
        side = self.image_size
        return tf.reshape(x, [-1, num_slots, side, side, self.num_channels])

    def _convolve_broadcast(self, latents):
        """Computes the first convolution of latents `[N, D]` broadcast to all pixels.

        It is linear, so it needs only a matrix product for the latents, which are the
        same at each pixel, and one convolution for the coordinates, which are the same
        for each latent.
        """
        first, dim = self.convolutions[0], latents.shape[-1]
        kernel = tf.cast(first.kernel, latents.dtype)
        by_latents, by_grid = tf.split(kernel, [dim, 2], axis=2)
        side = self.image_size + 2 * _NUM_CONVOLUTIONS
        grid = coordinates(side, side, latents.dtype)[None]
        shared = tf.nn.conv2d(grid, by_grid, strides=1, padding="VALID")
        shared += tf.cast(first.bias, latents.dtype)  # [1, H + 6, W + 6, filters]
        own = tf.matmul(latents, tf.reduce_sum(by_latents, axis=[0, 1]))
        return own[:, None, None] + shared

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        side = self.image_size
        return *input_shape[:2], side, side, self.num_channels

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "num_channels": self.num_channels,
            "activation": self.activation,
        }
