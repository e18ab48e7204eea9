"""The attention network of MONet: maps images to masks, one UNet pass for each."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import conv
from genesis_keras.layers.stick_breaking import break_stick_by_logit
from genesis_keras.layers.unet import UNet
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class RecurrentAttention(keras.layers.Layer):
    """Splits K - 1 masks off the scope, each with a pass of the same UNet (MONet).

    The UNet uses instance normalisation; its inputs are the image and the log scope.
    The last mask is the remaining scope.

    Args:
        filters: Channels of the UNet's first block. Defaults to 32.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        images: `[B, H, H, 3]`, H a power of two, at least 16.
        num_slots: K, at least 1.

    Returns:
        Log masks `[B, K, H, W, 1]`, float32, that sum to one over K.

    Raises:
        ValueError: If the images are not square or their side not a power of two.

    Example:
        >>> RecurrentAttention(8)(tf.zeros([2, 32, 32, 3]), num_slots=4).shape
        TensorShape([2, 4, 32, 32, 1])
    """

    def __init__(self, filters: int = 32, **kwargs: Any) -> None:
        # With mixed precision the scope stays float32; sublayers cast it.
        super().__init__(autocast=False, **kwargs)
        self.filters = integer("filters", filters, least=1)

    def build(self, input_shape: Shape) -> None:
        self.core = UNet(
            self.filters, norm_groups=-1, dtype=self.dtype_policy, name="core"
        )
        self.project = conv(1, 1, self.filters, dtype=self.dtype_policy, name="project")
        self.core.build((*input_shape[:-1], input_shape[-1] + 1))
        self.project.build((*input_shape[:-1], self.filters))

    def call(self, images: Tensor, num_slots: int | Tensor) -> Tensor:
        log_masks, log_scope = [], tf.zeros_like(images[..., :1])
        for _ in range(num_slots - 1):
            features = self.core(tf.concat([images, log_scope], axis=-1))
            logit = tf.cast(self.project(features), log_scope.dtype)
            log_mask, log_scope = break_stick_by_logit(log_scope, logit)
            log_masks.append(log_mask)
        return tf.stack([*log_masks, log_scope], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape[0], None, *input_shape[1:-1], 1

    def get_config(self) -> Config:
        return {**super().get_config(), "filters": self.filters}
