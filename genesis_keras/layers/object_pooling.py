"""Masked pooling: maps features and attention masks to object posteriors."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer
from genesis_keras.layers.blocks import MASS_EPSILON, NORM_EPSILON, conv, dense
from genesis_keras.layers.conv_block import ConvBlock
from genesis_keras.layers.gaussian_statistics import posterior_statistics
from genesis_keras.layers.glimpses import mask_glimpses
from genesis_keras.layers.mask_statistics import NUM_STATISTICS, mask_statistics
from genesis_keras.layers.spatial_transformer import POSE_SIZE, mask_pose, pose_frames
from genesis_keras.types import Config, Shape, Tensor

_GLIMPSE_WIDTH = 8  # times F: units that look at a glimpse


@keras.saving.register_keras_serializable("genesis_keras")
class ObjectPooling(keras.layers.Layer):
    """Pools image features under each mask into a Gaussian posterior of the object.

    Once per image: convolution block, 1x1 convolution to 2F channels. For each slot:
    mean of the features under the mask, LayerNorm, Dense, ReLU, Dense. The output is
    split into the mean and the raw scale, with `scale = softplus(raw + 0.5) + 1e-8`.

    Three options are not in the paper. With `pooled_statistics` the MLP also receives
    eight numbers that summarise an object: the mean colour, coordinates and squared
    coordinates under the mask, and the logarithm of the fraction of the image that it
    covers. With `glimpse_size` it also receives a small picture centred on the mask
    (`mask_glimpses`), which preserves the shape that an average over pixels loses.
    `stop_mask_gradient` blocks gradients from the latents to the masks, for masks that
    are learned by other terms of the loss (`objectives.mask_responsibility`).

    Args:
        feature_dim: F, the size of the image features.
        latent_dim: D, the size of a latent; 0 for F, as in the paper.
        pooled_statistics: Whether the MLP receives the eight statistics.
        glimpse_size: Side of the small pictures, at least 2; 0 for none.
        stop_mask_gradient: Whether no gradients flow from the latents to the masks.
        spatial_transformer: Whether the mean of the first four latents is the position
            and size of the mask (`spatial_transformer.mask_pose`).
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        features: `[B, H, W, F]`.
        masks: Attention masks `[B, K, H, W, 1]`.
        images: `[B, H, W, 3]`; only needed for `pooled_statistics` and
            `glimpse_size`.

    Returns:
        `posterior_mean` and `posterior_scale`, each `[B, K, D]` float32.

    Example:
        >>> pool = ObjectPooling(16)
        >>> masks = tf.fill([2, 4, 32, 32, 1], 0.25)
        >>> mean, scale = pool(tf.zeros([2, 32, 32, 16]), masks)
        >>> mean.shape
        TensorShape([2, 4, 16])
    """

    def __init__(
        self,
        feature_dim: int,
        latent_dim: int = 0,
        pooled_statistics: bool = False,
        glimpse_size: int = 0,
        stop_mask_gradient: bool = False,
        spatial_transformer: bool = False,
        **kwargs: Any,
    ) -> None:
        # With mixed precision the masks stay float32; sublayers cast the features.
        super().__init__(autocast=False, **kwargs)
        self.feature_dim = integer("feature_dim", feature_dim, least=1)
        self.latent_dim = integer("latent_dim", latent_dim, least=0)
        self.pooled_statistics = boolean("pooled_statistics", pooled_statistics)
        self.glimpse_size = integer("glimpse_size", glimpse_size, least=2, also=0)
        self.stop_mask_gradient = boolean("stop_mask_gradient", stop_mask_gradient)
        self.spatial_transformer = boolean("spatial_transformer", spatial_transformer)

    def build(self, input_shape: Shape) -> None:
        width = 2 * self.feature_dim
        seen = width + NUM_STATISTICS * self.pooled_statistics
        seen += _GLIMPSE_WIDTH * self.feature_dim * bool(self.glimpse_size)
        self.block = ConvBlock(self.feature_dim, dtype=self.dtype_policy, name="block")
        self.project = conv(
            width, 1, self.feature_dim, dtype=self.dtype_policy, name="project"
        )
        # From here on the tensors are small, so float32 is cheap.
        self.norm = keras.layers.LayerNormalization(
            epsilon=NORM_EPSILON, dtype="float32", name="norm"
        )
        units = 2 * (self.latent_dim or self.feature_dim)
        self.hidden = dense(
            units,
            seen,
            activation="relu",
            dtype="float32",
            name="hidden",
        )
        if self.glimpse_size:
            values = 4 * self.glimpse_size**2
            self.look = dense(
                _GLIMPSE_WIDTH * self.feature_dim,
                values,
                activation="relu",
                dtype="float32",
                name="look",
            )
            self.look.build((None, None, values))
        self.posterior = dense(units, units, dtype="float32", name="posterior")
        self.block.build(input_shape)
        self.project.build((*input_shape[:-1], self.feature_dim))
        self.norm.build((None, None, width))
        self.posterior.build((None, None, units))
        self.hidden.build((None, None, seen))

    def call(
        self, features: Tensor, masks: Tensor, images: Tensor | None = None
    ) -> Tensor:
        if self.stop_mask_gradient:
            masks = tf.stop_gradient(masks)
        batch, num_slots = tf.shape(masks)[0], masks.shape[1]
        features = tf.cast(self.block(features), "float32")
        shape = features.shape[1:3]
        num_pixels = shape[0] * shape[1]
        features = tf.reshape(features, [batch, num_pixels, self.feature_dim])
        masks = tf.reshape(masks, [batch, num_slots, num_pixels])
        pooled = self.norm(self._project_mean(features, masks))  # [B, K, 2F]
        if self.pooled_statistics:
            pooled = tf.concat([pooled, mask_statistics(images, masks)], axis=-1)
        maps = tf.reshape(masks, [batch, num_slots, *shape])
        poses = mask_pose(maps) if self.spatial_transformer else None
        if self.glimpse_size:
            frames = pose_frames(poses) if self.spatial_transformer else None
            glimpses = mask_glimpses(images, maps, self.glimpse_size, frames)
            glimpses = tf.reshape(
                glimpses, [batch, num_slots, 4 * self.glimpse_size**2]
            )
            pooled = tf.concat([pooled, self.look(glimpses)], axis=-1)
        mean, scale = posterior_statistics(self.posterior(self.hidden(pooled)))
        if self.spatial_transformer:
            mean = tf.concat([poses, mean[..., POSE_SIZE:]], axis=-1)
        return mean, scale

    def _project_mean(self, features, masks):
        """Returns the mean of the projected features under each mask `[B, K, 2F]`.

        The projection is linear, so it can as well be applied to the sums of the
        features, of which there are K per image and not one per pixel.
        """
        kernel, bias = (tf.convert_to_tensor(w) for w in self.project.weights)
        mass = tf.reduce_sum(masks, axis=-1, keepdims=True)
        sums = tf.tensordot(tf.matmul(masks, features), kernel[0, 0], axes=1)
        return (sums + mass * bias) / (mass + MASS_EPSILON)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        size = self.latent_dim or self.feature_dim
        return ((input_shape[0], None, size),) * 2

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "feature_dim": self.feature_dim,
            "latent_dim": self.latent_dim,
            "pooled_statistics": self.pooled_statistics,
            "glimpse_size": self.glimpse_size,
            "stop_mask_gradient": self.stop_mask_gradient,
            "spatial_transformer": self.spatial_transformer,
        }
