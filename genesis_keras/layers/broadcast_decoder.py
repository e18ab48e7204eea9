"""The decoder: maps object latents to components and mask logits."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer, quoted
from genesis_keras.layers.blocks import (
    NORM_GROUPS,
    conv,
    coordinates,
    mirror,
    slots_of,
)
from genesis_keras.layers.spatial_transformer import POSE_SIZE, place
from genesis_keras.layers.up_conv_block import UpConvBlock
from genesis_keras.types import Config, Shape, Tensor

_NUM_DOUBLINGS = 4


@keras.saving.register_keras_serializable("genesis_keras")
class BroadcastDecoder(keras.layers.Layer):
    """Spatial broadcast decoder, all slots in one batch (Appendix B).

    Each latent is broadcast to a grid with 1/16 of the image's side and concatenated
    with coordinates. Four transposed convolutions each double the side, and a 1x1
    convolution outputs RGB and a mask logit.

    Args:
        image_size: Side of the image, a multiple of 16.
        filters: List of the channels of the four blocks.
        spatial_transformer: Whether each slot is drawn in a frame of its own and then
            placed (`spatial_transformer.place`) at the position and size that are the
            first four values of its latent. The others alone are broadcast. Not in the
            paper.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        latents: `[B, K, D]`.

    Returns:
        RGB means in (0, 1) `[B, K, H, W, 3]` and mask logits `[B, K, H, W, 1]`,
        float32, not yet normalised over the slots.

    Raises:
        ValueError: If `image_size` is not a positive multiple of 16.

    Example:
        >>> means, logits = BroadcastDecoder(32, (16,) * 4)(tf.zeros([2, 4, 16]))
        >>> means.shape
        TensorShape([2, 4, 32, 32, 3])
    """

    def __init__(
        self,
        image_size: int,
        filters: int,
        spatial_transformer: bool = False,
        **kwargs: Any,
    ) -> None:
        # Positions stay float32 with mixed precision; the rest is cast below.
        super().__init__(autocast=False, **kwargs)
        self.spatial_transformer = boolean("spatial_transformer", spatial_transformer)
        self.image_size = integer("image_size", image_size, least=16, multiple_of=16)
        if not isinstance(filters, list | tuple) or len(filters) != _NUM_DOUBLINGS:
            raise ValueError(
                f"filters must be a list of {_NUM_DOUBLINGS} integers, one per "
                f"block; got {quoted(filters)}"
            )
        self.filters = tuple(
            integer(f"filters[{i}]", number, least=NORM_GROUPS, multiple_of=NORM_GROUPS)
            for i, number in enumerate(filters)
        )

    def build(self, input_shape: Shape) -> None:
        side = self.image_size // 2**_NUM_DOUBLINGS
        channels = input_shape[-1] + 2 - POSE_SIZE * self.spatial_transformer
        self.blocks = []
        for i, filters in enumerate(self.filters):
            block = UpConvBlock(filters, dtype=self.dtype_policy, name=f"up_{i}")
            block.build((None, side, side, channels))
            self.blocks.append(block)
            side, channels = 2 * side, filters
        self.project = conv(4, 1, channels, dtype=self.dtype_policy, name="project")
        self.project.build((None, side, side, channels))

    def call(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        batch, num_slots, dim = (
            tf.shape(latents)[0],
            slots_of(latents),
            latents.shape[2],
        )
        side = self.image_size // 2**_NUM_DOUBLINGS
        if self.spatial_transformer:
            poses, latents = tf.split(latents, [POSE_SIZE, -1], axis=-1)
            dim -= POSE_SIZE
        latents = tf.cast(latents, self.compute_dtype)
        latents = tf.reshape(latents, [-1, 1, 1, dim])  # [B*K, 1, 1, D]
        grid = coordinates(side, side, latents.dtype)[None]
        x = tf.concat(
            [
                tf.tile(latents, [1, side, side, 1]),
                tf.tile(grid, [batch * num_slots, 1, 1, 1]),
            ],
            axis=-1,
        )
        # The blocks work on mirrored images: only flip the small inputs and the
        # outputs.
        x = mirror(x)
        for block in self.blocks:
            x = block(x, mirrored=True)  # [B*K, 2^i H/16, 2^i W/16, filters]
        x = tf.cast(mirror(self.project(x)), "float32")
        x = tf.reshape(x, [batch, num_slots, self.image_size, self.image_size, 4])
        if self.spatial_transformer:
            x = place(x, poses)
        means, logits = tf.split(x, [3, 1], axis=-1)
        return tf.sigmoid(means), logits

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, ...]:
        images = (*input_shape[:2], self.image_size, self.image_size)
        return (*images, 3), (*images, 1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "filters": self.filters,
            "spatial_transformer": self.spatial_transformer,
        }
