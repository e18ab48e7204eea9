"""The mask decoder of GENESIS: maps mask latents to attention masks."""

import math
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.layers.blocks import conv, fan_in_uniform, mirror, slots_of
from genesis_keras.layers.gated_convolution import gate
from genesis_keras.layers.gated_transposed_convolution import (
    GatedTransposedConvolution,
)
from genesis_keras.layers.mask_encoder import mask_strides
from genesis_keras.layers.stick_breaking import masks_from_logits
from genesis_keras.types import Config, Shape, Tensor

_FIRST_FILTERS, _FILTERS = 64, (64, 32, 32, 32, 32)


@keras.saving.register_keras_serializable("genesis_keras")
class MaskDecoder(keras.layers.Layer):
    """Gated transposed convolutions, then stick breaking (GENESIS).

    The architecture mirrors `MaskEncoder`; all slots are decoded in one batch. K steps
    of stick breaking would give K masks and a remaining scope. The last two of these
    are merged: the last mask is the scope before the last step. The last latent
    therefore does not affect the masks (except through the statistics of batch
    normalisation in training).

    Args:
        image_size: Side of the images, a power of two from 16 to 128.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        latents: z_m `[B, K, D]`.
        training: Mode of the BatchNorms. Defaults to False.

    Returns:
        Log masks `[B, K, H, W, 1]`, float32, that sum to one over K.

    Raises:
        ValueError: If `image_size` is not a power of two from 16 to 128.

    Example:
        >>> MaskDecoder(32)(tf.zeros([2, 4, 64])).shape
        TensorShape([2, 4, 32, 32, 1])
    """

    def __init__(self, image_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strides = mask_strides(image_size)[::-1]
        self.image_size = int(image_size)

    def build(self, input_shape: Shape) -> None:
        policy = self.dtype_policy
        side, channels = self.image_size // math.prod(self.strides), _FIRST_FILTERS
        self.first_shape = (side, side, 2 * channels)
        # The transposed convolution of one pixel is a dense layer whose bias is shared
        # by all output pixels.
        fan_in = side**2 * 2 * channels
        self.expand = keras.layers.Dense(
            fan_in,
            use_bias=False,
            kernel_initializer=fan_in_uniform(fan_in),
            dtype=policy,
            name="expand",
        )
        self.expand.build((None, input_shape[-1]))
        self.expand_bias = self.add_weight(
            shape=(2 * channels,),
            initializer=fan_in_uniform(fan_in),
            name="expand_bias",
        )
        self.convolutions = []
        for i, (filters, strides) in enumerate(
            zip(_FILTERS, self.strides, strict=True)
        ):
            layer = GatedTransposedConvolution(
                filters, strides, dtype=policy, name=f"up_{i}"
            )
            layer.build((None, side, side, channels))
            self.convolutions.append(layer)
            side, channels = side * strides, filters
        self.project = conv(1, 1, channels, dtype=policy, name="project")
        self.project.build((None, side, side, channels))

    def call(self, latents: Tensor, training: bool = False) -> Tensor:
        num_slots, dim = slots_of(latents), latents.shape[-1]
        x = self.expand(tf.reshape(latents, [-1, dim]))
        x = tf.reshape(x, [-1, *self.first_shape])
        x = gate(x + tf.cast(self.expand_bias, x.dtype))  # [B*K, H/4, W/4, 64]
        # The layers work on mirrored images: only flip the small inputs and the
        # outputs.
        x = mirror(x)
        for layer in self.convolutions:
            x = layer(x, training=training, mirrored=True)
        logits = tf.cast(mirror(self.project(x)), "float32")
        side = self.image_size
        return masks_from_logits(tf.reshape(logits, [-1, num_slots, side, side, 1]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return *input_shape[:2], self.image_size, self.image_size, 1

    def get_config(self) -> Config:
        return {**super().get_config(), "image_size": self.image_size}
