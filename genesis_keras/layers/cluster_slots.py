"""Initial slots of Slot Attention from clusters of the pixels."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import MASS_EPSILON
from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.layers.mask_statistics import NUM_STATISTICS, mask_statistics
from genesis_keras.layers.region_embeddings import (
    REGION_DIM,
    REGION_SETTINGS,
    RegionEmbeddings,
)
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class ClusterSlots(keras.layers.Layer):
    """Turns clusters of the pixels into initial slots (Gao et al., BMVC 2023).

    The IC-SBP clusters the colours and coordinates of the pixels (`RegionEmbeddings`);
    nothing of this is learned. A slot is a learned linear map of what is under its
    cluster: the mean of the features and the eight numbers of `mask_statistics`. The
    paper above clusters learned features instead, by k-means or mean shift.

    Args:
        num_slots: Number of slots K; a call may use another K.
        slot_dim: Size D of a slot.
        seed: Random seed of the IC-SBP.
        appearance_scale: See `RegionEmbeddings`.
        coordinate_scale: Likewise.
        region_passes: Likewise.
        region_edge_scale: Likewise.
        region_brightness: Likewise.
        appearance_offset: Likewise.
        kuwahara_passes: Likewise.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        features: Features of the pixels `[B, H * W, C]`.
        images: `[B, H, W, 3]` in [0, 1].
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        seed_scores: `[B, H, W]` in (0, 1), see `InstanceColouring`; sampled if None.

    Returns:
        The slots `[B, K, D]`, and the log masks of the clusters `[B, K, H, W, 1]`,
        which sum to 1 over K.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = ClusterSlots(5, slot_dim=8, appearance_scale=3.0)
        >>> slots, log_clusters = layer(tf.zeros([2, 64, 16]), tf.zeros([2, 8, 8, 3]))
        >>> slots.shape, log_clusters.shape
        (TensorShape([2, 5, 8]), TensorShape([2, 5, 8, 8, 1]))
    """

    def __init__(
        self,
        num_slots: int,
        slot_dim: int,
        seed: int | None = None,
        appearance_scale: float = 0.0,
        coordinate_scale: float = 1.0,
        region_passes: int = 0,
        region_edge_scale: float = 0.12,
        region_brightness: float = 1.0,
        appearance_offset: float = 0.3,
        kuwahara_passes: int = 0,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        # Images are not autocast: similar colours differ by less than 16 bits resolve.
        super().__init__(autocast=False, **kwargs)
        self.num_slots = integer("num_slots", num_slots, least=1)
        self.slot_dim = integer("slot_dim", slot_dim, least=1)
        self.regions = RegionEmbeddings(
            **{name: arguments[name] for name in REGION_SETTINGS}
        )
        for name in REGION_SETTINGS:
            setattr(self, name, getattr(self.regions, name))
        self.colouring = InstanceColouring(
            self.num_slots,
            seed=seed,
            trainable=False,
            dtype="float32",
            name="colouring",
        )
        self.seed = self.colouring.seed
        self.project = keras.layers.Dense(
            self.slot_dim, dtype="float32", name="project"
        )

    def build(self, input_shape: Shape) -> None:
        self.colouring.build((None, None, None, REGION_DIM))
        self.project.build((None, None, input_shape[-1] + NUM_STATISTICS))

    def call(
        self,
        features: Tensor,
        images: Tensor,
        num_slots: int | Tensor | None = None,
        seed_scores: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        num_slots = self.num_slots if num_slots is None else num_slots
        features = tf.cast(features, "float32")
        clusters = self.colouring(
            self.regions(images), num_slots=num_slots, seed_scores=seed_scores
        )
        masks = tf.reshape(clusters["masks"], [-1, num_slots, features.shape[1]])
        mass = tf.reduce_sum(masks, axis=-1, keepdims=True)
        pooled = tf.matmul(masks, features) / (mass + MASS_EPSILON)  # [B, K, C]
        summary = tf.concat([pooled, mask_statistics(images, masks)], axis=-1)
        return self.project(summary), clusters["log_masks"]

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_slots": self.num_slots,
            "slot_dim": self.slot_dim,
            "seed": self.seed,
            **{name: getattr(self, name) for name in REGION_SETTINGS},
        }
