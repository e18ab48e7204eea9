"""Slot Attention (Locatello et al., NeurIPS 2020): a baseline that cannot generate."""

import math
import types
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, choice, integer, number
from genesis_keras.distributions.pixel_mixture import mixture_mean
from genesis_keras.layers.blocks import slots_of
from genesis_keras.layers.random_source import ALGORITHM, seed_pair
from genesis_keras.layers.region_embeddings import REGION_SETTINGS, RegionEmbeddings
from genesis_keras.models.base import SceneModel
from genesis_keras.models.outputs import check_outputs
from genesis_keras.models.slot_attention_layers import (
    BROADCAST_SIDE,
    build_layers,
    make_layers,
)
from genesis_keras.objectives.mask_entropy import mask_entropy
from genesis_keras.objectives.mask_guidance import mask_guidance
from genesis_keras.types import Config, Draws, Outputs, Shape, Tensor

INITIAL_SLOTS = ("random", "learned", "clusters")
_BOTH_KINDS = ("log_masks", "log_object_masks")


@keras.saving.register_keras_serializable("genesis_keras")
class SlotAttentionModel(SceneModel):
    """Segments images into slots by iterative attention; an autoencoder.

    image -> convolutions at full resolution -> position embedding -> slot attention ->
    broadcast decoder for each slot -> softmax of the mask logits over the slots. The
    loss is the mean squared error, here with optional terms for the masks. There is
    neither a likelihood nor a prior, so the model cannot generate scenes.

    Args:
        image_size: Side of the images in pixels: 32, 64, 128 (a power of two, at least
            8).
        num_slots: Number of slots K in training; a call may use another K.
        num_iterations: Iterations of the attention; a call may use another number.
        slot_dim: Size D of a slot.
        filters: Number of channels C of encoder and decoder.
        implicit_gradient: See `SlotAttention`; False in the paper.
        initial_slots: "random", as in the paper; "learned", see `SlotAttention`; or
            "clusters", see `ClusterSlots`.
        mask_entropy: Weight of the entropies of both kinds of masks in the loss; 0 in
            the paper.
        cluster_guidance: Weight of the loss that pulls both kinds of masks to the
            clusters (`mask_guidance`, in nats per pixel); 0 in the paper. Unused
            without clusters.
        appearance_scale: Of the clusters, see `RegionEmbeddings`.
        coordinate_scale: Likewise.
        region_passes: Likewise.
        region_edge_scale: Likewise.
        region_brightness: Likewise.
        appearance_offset: Likewise.
        kuwahara_passes: Likewise.
        seed: Random seed.
        **kwargs: Keyword arguments of `keras.Model`.

    Call arguments:
        images: `[B, H, W, 3]` floats in [0, 1].
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        num_iterations: Iterations of this call; defaults to that of the constructor.
        noise: Standard normal noise of random initial slots `[B, K, D]`; sampled if
            None.
        seed_scores: Uniform random scores from which the clusters select their seeds
            `[B, H, W]`; sampled if None.

    Returns:
        The dict of `genesis_keras.models.outputs`: `masks` are the attention of the
        last iteration; latents and their posterior mean are the slots; statistics that
        the model does not have are 0, and the ELBO is NaN. Colours are not passed
        through a sigmoid, so they may lie outside [0, 1].

    Raises:
        ValueError: If an argument or the shape or type of the images is wrong.

    Example:
        >>> model = SlotAttentionModel(image_size=32, num_slots=4)
        >>> model(tf.zeros([2, 32, 32, 3]))["log_masks"].shape
        TensorShape([2, 4, 32, 32, 1])
    """

    has_likelihood = False
    image_sizes = types.MappingProxyType(
        {"least": BROADCAST_SIDE, "power_of_two": True}
    )

    def __init__(
        self,
        image_size: int = 64,
        num_slots: int = 7,
        num_iterations: int = 3,
        slot_dim: int = 64,
        filters: int = 64,
        implicit_gradient: bool = False,
        initial_slots: str = "random",
        mask_entropy: float = 0.0,
        cluster_guidance: float = 0.0,
        appearance_scale: float = 0.0,
        coordinate_scale: float = 1.0,
        region_passes: int = 0,
        region_edge_scale: float = 0.12,
        region_brightness: float = 1.0,
        appearance_offset: float = 0.3,
        kuwahara_passes: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        super().__init__(image_size, num_slots, seed=seed, **kwargs)
        self.num_iterations = integer("num_iterations", num_iterations, least=1)
        self.slot_dim = integer("slot_dim", slot_dim, least=1)
        self.filters = integer("filters", filters, least=1)
        self.implicit_gradient = boolean("implicit_gradient", implicit_gradient)
        self.initial_slots = choice("initial_slots", initial_slots, INITIAL_SLOTS)
        self.mask_entropy = number("mask_entropy", mask_entropy, least=0)
        self.cluster_guidance = number("cluster_guidance", cluster_guidance, least=0)
        regions = RegionEmbeddings(
            **{name: arguments[name] for name in REGION_SETTINGS}
        )
        for name in REGION_SETTINGS:
            setattr(self, name, getattr(regions, name))
        make_layers(self)
        self.build((None, self.image_size, self.image_size, 3))

    def build(self, input_shape: Shape) -> None:
        if not self.built:
            build_layers(self, input_shape)
            self.built = True

    def call(
        self,
        images: Tensor,
        training: bool = False,
        num_slots: int | Tensor | None = None,
        num_iterations: int | None = None,
        noise: Tensor | None = None,
        seed_scores: Tensor | None = None,
    ) -> Outputs:
        images = self.check_images(images)
        num_slots = self.check_slots(num_slots)
        features = self.encode(images)  # [B, HW, C]
        start, log_clusters = {"noise": noise}, None
        if self.initial_slots == "clusters":
            initial, log_clusters = self.clusters(
                features, images, num_slots=num_slots, seed_scores=seed_scores
            )  # [B, K, D], [B, K, H, W, 1]
            start = {"given": initial}
        slots, log_masks = self.attention(
            features, num_slots=num_slots, num_iterations=num_iterations, **start
        )  # [B, K, D], [B, K, HW]
        log_masks = tf.reshape(log_masks, [-1, num_slots, *images.shape[1:3], 1])
        decoded = self._decode_slots(slots)
        squared_error = tf.square(images - decoded["reconstruction"])
        zeros = tf.zeros_like(slots)
        return check_outputs(
            {
                **decoded,
                "masks": tf.exp(log_masks),
                "log_masks": log_masks,
                "num_slots": tf.fill([tf.shape(images)[0]], num_slots),
                "latents": slots,
                "posterior_mean": slots,
                "posterior_scale": zeros,
                "prior_mean": zeros,
                "prior_scale": zeros,
                "reconstruction_error": tf.reduce_sum(squared_error, axis=[1, 2, 3]),
                "kl_latents": zeros[:, :, 0],
                "kl_masks": self._guidance(log_clusters, log_masks, decoded),
                "elbo": tf.fill([tf.shape(images)[0]], math.nan),
            }
        )

    def _guidance(self, log_clusters, log_masks, decoded):
        """Returns how far both kinds of masks are from the clusters, `[B]`, nats."""
        if log_clusters is None:
            return tf.zeros_like(log_masks[:, 0, 0, 0, 0])
        return mask_guidance(log_clusters, log_masks) + mask_guidance(
            log_clusters, decoded["log_object_masks"]
        )

    def fixed_draws(
        self, num_images: int, num_slots: int | None = None, seed: int | Tensor = 0
    ) -> Draws:
        """Returns `noise`, or `seed_scores [B, H, W]` with clusters."""
        if self.initial_slots != "clusters":
            return super().fixed_draws(num_images, num_slots, seed)
        self.check_slots(num_slots)
        size = [num_images, self.image_size, self.image_size]
        scores = tf.random.stateless_uniform(size, seed_pair(seed), alg=ALGORITHM)
        return {"seed_scores": scores}

    @property
    def latent_dim(self) -> int:
        """D, the size of a slot."""
        return self.slot_dim

    def encode(self, images: Tensor) -> Tensor:
        """Maps images `[B, H, W, 3]` to pixel features `[B, HW, C]`."""
        x = images
        for layer in self.encoder:
            x = layer(x)  # [B, H, W, C]
        x = self.encoder_norm(self.encoder_positions(x))
        x = self.encoder_features(self.encoder_hidden(x))
        return tf.cast(tf.reshape(x, [-1, self.image_size**2, self.filters]), "float32")

    def decode(self, slots: Tensor) -> Outputs:
        """Decodes slots into a scene; edit them to edit the scene.

        Args:
            slots: `[B, K, D]`.

        Returns:
            Dict of `components [B, K, H, W, 3]`, `log_object_masks [B, K, H, W, 1]`
            and `reconstruction [B, H, W, 3]`.

        Raises:
            ValueError: If the slots are not finite, or of another shape.
        """
        return self._decode_slots(self.check_latents(slots))

    def _decode_slots(self, slots):
        num_slots, side = slots_of(slots), self.image_size
        x = tf.reshape(slots, [-1, 1, 1, self.slot_dim])
        x = tf.tile(x, [1, BROADCAST_SIDE, BROADCAST_SIDE, 1])  # [B*K, 8, 8, D]
        x = self.decoder_positions(x)
        for layer in self.decoder:
            x = layer(x)  # [B*K, 8 * 2^i, 8 * 2^i, C]
        x = tf.cast(self.decoder_output(x), "float32")
        x = tf.reshape(x, [-1, num_slots, side, side, 4])
        components, logits = tf.split(x, [3, 1], axis=-1)
        log_object_masks = tf.nn.log_softmax(logits, axis=1)
        return {
            "components": components,
            "log_object_masks": log_object_masks,
            "reconstruction": mixture_mean(log_object_masks, components),
        }

    def training_loss(self, outputs: Outputs, beta: Tensor, images: Tensor) -> Tensor:
        """Returns the mean squared error over images, pixels and channels.

        With `mask_entropy`, the weighted entropies of attention masks and object
        masks are added, and with `cluster_guidance` their distance from the clusters.
        """
        values = self.image_size**2 * 3
        loss = tf.reduce_mean(outputs["reconstruction_error"]) / values
        if self.mask_entropy:
            entropies = (mask_entropy(outputs[name]) for name in _BOTH_KINDS)
            loss += self.mask_entropy * tf.add_n(list(entropies))
        if self.cluster_guidance:
            guidance = tf.reduce_mean(outputs["kl_masks"]) / self.image_size**2
            loss += self.cluster_guidance * guidance
        return loss

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_iterations": self.num_iterations,
            "slot_dim": self.slot_dim,
            "filters": self.filters,
            "implicit_gradient": self.implicit_gradient,
            "initial_slots": self.initial_slots,
            "mask_entropy": self.mask_entropy,
            "cluster_guidance": self.cluster_guidance,
            **{name: getattr(self, name) for name in REGION_SETTINGS},
        }
