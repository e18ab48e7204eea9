"""Encoder of the component VAE: image and masks to component posteriors."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer
from genesis_keras.layers.blocks import activation_name, conv, dense
from genesis_keras.layers.gaussian_statistics import posterior_statistics
from genesis_keras.layers.mask_statistics import NUM_STATISTICS, mask_statistics
from genesis_keras.types import Config, Shape, Tensor

_FILTERS = (32, 32, 64, 64)
_HIDDEN_UNITS = 256


@keras.saving.register_keras_serializable("genesis_keras")
class ComponentEncoder(keras.layers.Layer):
    """Encodes the image under each mask, with all slots in one batch.

    Used by MONet and GENESIS: four 3x3 convolutions of stride 2 on [log mask, image],
    followed by two dense layers. With `pooled_statistics`, which is not in their
    papers, the dense layers also receive the eight numbers of `mask_statistics`: the
    colour and position of a component are known from the first steps.

    Args:
        dim: D, the size of a latent. Defaults to 16.
        activation: Activation of all layers but the last: "elu" in GENESIS, "relu" in
            MONet.
        pooled_statistics: Whether the dense layers receive the eight statistics.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        images: `[B, H, W, 3]`, H and W multiples of 16.
        log_masks: Log attention masks `[B, K, H, W, 1]`.

    Returns:
        `posterior_mean` and `posterior_scale`, each `[B, K, D]` float32.

    Raises:
        ValueError: If a side of the images is not a multiple of 16.

    Example:
        >>> encode = ComponentEncoder(activation="elu")
        >>> masks = tf.zeros([2, 4, 32, 32, 1])
        >>> mean, scale = encode(tf.zeros([2, 32, 32, 3]), masks)
        >>> mean.shape
        TensorShape([2, 4, 16])
    """

    def __init__(
        self,
        dim: int = 16,
        activation: str = "relu",
        pooled_statistics: bool = False,
        **kwargs: Any,
    ) -> None:
        # With mixed precision the log masks stay float32 until they are concatenated.
        super().__init__(autocast=False, **kwargs)
        self.dim = integer("dim", dim, least=1)
        self.activation = activation_name("activation", activation)
        self.pooled_statistics = boolean("pooled_statistics", pooled_statistics)

    def build(self, images_shape: Shape, log_masks_shape: Shape | None = None) -> None:
        _, height, width, channels = images_shape
        if height % 16 or width % 16:
            raise ValueError(
                "ComponentEncoder needs sides that are multiples of 16; "
                f"got images_shape={tuple(images_shape)}"
            )
        settings = {"activation": self.activation, "dtype": self.dtype_policy}
        self.convolutions = []
        channels += 1  # the mask
        for i, filters in enumerate(_FILTERS):
            layer = conv(filters, 3, channels, strides=2, name=f"down_{i}", **settings)
            layer.build((None, None, None, channels))
            self.convolutions.append(layer)
            height, width, channels = height // 2, width // 2, filters
        self.num_features = height * width * channels
        seen = self.num_features + NUM_STATISTICS * self.pooled_statistics
        self.hidden = dense(_HIDDEN_UNITS, seen, name="hidden", **settings)
        self.posterior = dense(
            2 * self.dim, _HIDDEN_UNITS, dtype="float32", name="posterior"
        )
        self.hidden.build((None, seen))
        self.posterior.build((None, _HIDDEN_UNITS))

    def call(self, images: Tensor, log_masks: Tensor) -> tuple[Tensor, Tensor]:
        num_slots, height, width, _ = log_masks.shape[1:]
        tiled = tf.tile(images[:, None], [1, num_slots, 1, 1, 1])
        x = tf.concat([log_masks, tiled], axis=-1)  # [B, K, H, W, 4]
        x = tf.cast(tf.reshape(x, [-1, height, width, 4]), self.compute_dtype)
        for layer in self.convolutions:
            # "SAME" pads after; the release pads both sides, but the rest is unused.
            x = layer(tf.pad(x, [[0, 0], [1, 0], [1, 0], [0, 0]]))
        x = tf.reshape(x, [-1, self.num_features])  # order H, W, C
        if self.pooled_statistics:
            masks = tf.reshape(tf.exp(log_masks), [-1, num_slots, height * width])
            statistics = mask_statistics(images, masks)  # [B, K, 8]
            statistics = tf.reshape(statistics, [-1, NUM_STATISTICS])
            x = tf.concat([x, tf.cast(statistics, x.dtype)], axis=-1)
        raw = self.posterior(self.hidden(x))
        raw = tf.reshape(raw, [-1, num_slots, 2 * self.dim])
        return posterior_statistics(raw)

    def compute_output_shape(
        self, images_shape: Shape, log_masks_shape: Shape | None = None
    ) -> tuple[Shape, ...]:
        num_slots = log_masks_shape[1] if log_masks_shape else None
        return ((images_shape[0], num_slots, self.dim),) * 2

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "dim": self.dim,
            "activation": self.activation,
            "pooled_statistics": self.pooled_statistics,
        }
