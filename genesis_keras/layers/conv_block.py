"""A convolution with normalisation and ReLU, the block of the UNet."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import (
    NORM_EPSILON,
    NORM_GROUPS,
    conv,
    conv_upsampled,
)
from genesis_keras.layers.group_normalization import GroupNormalization
from genesis_keras.types import Config, Shape, Tensor


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
