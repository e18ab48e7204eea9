"""GENESIS-V2 (Engelcke, Parker Jones, Posner, NeurIPS 2021)."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.distributions.latents import sampled_kl
from genesis_keras.distributions.pixel_mixture import mixture_mean, reconstruction_error
from genesis_keras.layers.blocks import slots_of
from genesis_keras.layers.random_source import ALGORITHM, seed_pair
from genesis_keras.layers.stick_breaking import LOG_ZERO
from genesis_keras.models.generative import GenerativeModel
from genesis_keras.models.genesis_v2_layers import (
    MASK_TERMS,
    SETTINGS,
    build_layers,
    checked_settings,
    make_layers,
)
from genesis_keras.models.outputs import check_outputs
from genesis_keras.objectives.elbo import elbo
from genesis_keras.objectives.mask_consistency import mask_consistency
from genesis_keras.objectives.mask_objective import MaskObjective
from genesis_keras.types import Config, Draws, Images, Outputs, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class GenesisV2(GenerativeModel):
    """Segments images into objects and generates new scenes object by object.

    image -> UNet features -> semi-convolutional embeddings -> IC-SBP attention
    masks -> pooled object latents -> components and object masks -> spatial Gaussian
    mixture. Features are computed once per image; all slots are decoded in one batch.

    Args:
        image_size: Side of the images in pixels: 32, 64, 128 (a power of two, at least
            16).
        num_slots: Number of slots K in training; a call may use another K.
        feature_dim: F, the number of feature channels; a multiple of 8, at most 64.
        object_latent_dim: D, the size of a latent; 0 for F, as in the paper.
        embedding_dim: Size of a pixel embedding.
        kernel: Distance kernel of the IC-SBP.
        semi_convolution: Whether pixel coordinates are added to the embeddings.
        autoregressive_prior: Whether the prior is conditioned on earlier slots (Eq. 2);
            if False it is N(0, 1) for every slot.
        learned_prior_start: See `AutoregressivePrior` (`learned_start`).
        prior_components: Number of Gaussians of the prior of a slot, see
            `MixturePrior`; 1 in the paper.
        prior_couplings: Number of couplings of its flow; 0 in the paper.
        mask_consistency: See `MaskObjective`.
        mask_consistency_weight: See `MaskObjective`.
        mask_consistency_start: See `MaskObjective`.
        mask_guidance: See `MaskObjective`.
        mask_guidance_steps: See `MaskObjective`.
        mask_guidance_final: See `MaskObjective`.
        mask_responsibility: See `MaskObjective`.
        mask_responsibility_start: See `MaskObjective`.
        mask_responsibility_steps: See `MaskObjective`.
        appearance_scale: See `SemiConvolution`.
        coordinate_scale: See `SemiConvolution`.
        final_appearance_scale: See `SemiConvolution`.
        final_coordinate_scale: See `SemiConvolution`.
        fade_start: See `SemiConvolution`.
        fade_steps: See `SemiConvolution`.
        region_passes: See `SemiConvolution`.
        region_edge_scale: See `SemiConvolution`.
        region_brightness: See `SemiConvolution`.
        appearance_offset: See `SemiConvolution`.
        kuwahara_passes: See `SemiConvolution`.
        gate_rate: See `SemiConvolution`.
        pooled_statistics: See `ObjectPooling`.
        glimpse_size: See `ObjectPooling`.
        stop_mask_gradient: See `ObjectPooling`.
        spatial_transformer: See `BroadcastDecoder`.
        decoder_widening: Factor of the channels of the decoder from each of its coarse
            blocks to the next coarser one (F, F, wF, w^2 F); 1 in the paper.
        hard_masks: See `InstanceColouring`.
        mask_normalization: See `InstanceColouring` (`normalization`).
        pixel_scale: sigma_x of the likelihood.
        log_sigma_rate: See `InstanceColouring`.
        drop_small_remainder: See `InstanceColouring`.
        background_share: See `InstanceColouring`.
        edge_share: See `InstanceColouring`.
        posterior_scale_bias: See `GenerativeModel`.
        initialization: See `GenerativeModel`.
        seed: Random seed.
        **kwargs: Keyword arguments of `GenerativeModel` and `keras.Model`.

    Call arguments:
        images: `[B, H, W, 3]` floats in [0, 1].
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        flexible_slots: Whether each image may use fewer slots, see `InstanceColouring`.
        min_mask_pixels: Threshold of `flexible_slots`. The paper uses 70 for
            ObjectsRoom and 20 for ShapeStacks.
        seed_scores: Uniform random scores from which the IC-SBP selects its seeds `[B,
            H, W]`; sampled if None.
        noise: Standard normal noise of the latents `[B, K, D]`; sampled if None.

    Returns:
        The dict of `genesis_keras.models.outputs`.

    Raises:
        ValueError: If an argument or the shape or type of the images is wrong.

    Example:
        >>> model = GenesisV2(image_size=32, num_slots=4, feature_dim=16)
        >>> model(tf.zeros([2, 32, 32, 3]))["log_masks"].shape
        TensorShape([2, 4, 32, 32, 1])
    """

    has_flexible_slots = True

    def __init__(
        self,
        image_size: int = 64,
        num_slots: int = 7,
        feature_dim: int = 64,
        object_latent_dim: int = 0,
        embedding_dim: int = 8,
        kernel: str = "gaussian",
        semi_convolution: bool = True,
        autoregressive_prior: bool = True,
        learned_prior_start: bool = False,
        prior_components: int = 1,
        prior_couplings: int = 0,
        mask_consistency: bool = False,
        mask_consistency_weight: float = 1.0,
        mask_consistency_start: int = 0,
        mask_guidance: float = 0.0,
        mask_guidance_steps: int = 1_500,
        mask_guidance_final: float = 0.0,
        mask_responsibility: float = 0.0,
        mask_responsibility_start: int = 0,
        mask_responsibility_steps: int = 0,
        appearance_scale: float = 0.0,
        coordinate_scale: float = 1.0,
        final_appearance_scale: float = 0.0,
        final_coordinate_scale: float = 1.0,
        fade_start: int = 0,
        fade_steps: int = 0,
        region_passes: int = 0,
        region_edge_scale: float = 0.12,
        region_brightness: float = 1.0,
        appearance_offset: float = 0.3,
        kuwahara_passes: int = 0,
        pooled_statistics: bool = False,
        glimpse_size: int = 0,
        stop_mask_gradient: bool = False,
        spatial_transformer: bool = False,
        decoder_widening: int = 1,
        hard_masks: bool = False,
        mask_normalization: str = "stick_breaking",
        pixel_scale: float = 0.7,
        log_sigma_rate: float = 1.0,
        drop_small_remainder: bool = False,
        background_share: float = 0.0,
        edge_share: float = 0.0,
        gate_rate: float = 1.0,
        posterior_scale_bias: float = 0.0,
        initialization: str = "release",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        super().__init__(
            image_size,
            num_slots,
            pixel_scale,
            posterior_scale_bias,
            initialization,
            seed,
            **kwargs,
        )
        for name, value in checked_settings(arguments).items():
            setattr(self, name, value)
        self.mask_objective = MaskObjective(**self._chosen(MASK_TERMS))
        make_layers(self)
        self.build((None, self.image_size, self.image_size, 3))
        self.initialize([self.pooling.posterior])

    def _chosen(self, names):
        return {name: getattr(self, name) for name in names}

    def build(self, input_shape: Shape) -> None:
        if not self.built:
            build_layers(self, input_shape)
            self.built = True

    def call(
        self,
        images: Tensor,
        training: bool = False,
        num_slots: int | Tensor | None = None,
        flexible_slots: bool = False,
        min_mask_pixels: float = 20.0,
        seed_scores: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Outputs:
        images = self.check_images(images)
        num_slots = self.check_slots(num_slots, flexible_slots)
        features = self.backbone(images)  # [B, H, W, F]
        embeddings, _ = self.embed(features, images)  # [B, H, W, 8]
        if seed_scores is None:
            seed_scores = self.random.uniform(tf.shape(images)[:3])
        slots = self.instance_colouring(
            embeddings,
            num_slots=num_slots,
            flexible_slots=flexible_slots,
            min_mask_pixels=min_mask_pixels,
            seed_scores=seed_scores,
            images=images,
        )  # masks [B, K, H, W, 1]
        mean, scale = self.pooling(features, slots["masks"], images)  # [B, K, D]
        latents = mean + scale * self.draw_noise(noise, tf.shape(mean)[0], num_slots)
        decoded = self._decode_slots(latents, slots["num_slots"])
        prior_mean, prior_scale, log_prior = self.prior_of(latents)
        kl = sampled_kl(latents, mean, scale, log_prior)  # [B, K]
        kl *= tf.sequence_mask(slots["num_slots"], kl.shape[1], kl.dtype)
        log_object_masks = decoded["log_object_masks"]
        error = reconstruction_error(
            images, log_object_masks, decoded["components"], self.current_pixel_scale
        )
        return check_outputs(
            {
                **decoded,
                "masks": slots["masks"],
                "log_masks": slots["log_masks"],
                "num_slots": slots["num_slots"],
                "latents": latents,
                "posterior_mean": mean,
                "posterior_scale": scale,
                "prior_mean": prior_mean,
                "prior_scale": prior_scale,
                "reconstruction_error": error,
                "kl_latents": kl,
                "kl_masks": self._mask_term(slots["log_masks"], log_object_masks),
                "elbo": elbo(error, kl),
            }
        )

    def embed(
        self, features: Tensor, images: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Maps features `[B, H, W, F]` to embeddings `[B, H, W, 8]` and delta.

        The images are only used with `appearance_scale`.
        """
        return self.embedding_head(self.segmentation_head(features), images)

    def decode(self, latents: Tensor, num_slots: int | None = None) -> Outputs:
        """Decodes object latents into a scene; edit them to edit the scene.

        Args:
            latents: `[B, K, D]`.
            num_slots: Number of slots in use `[B]`; all K if None. Unused slots stay
                empty.

        Returns:
            Dict of `components [B, K, H, W, 3]`, `log_object_masks [B, K, H, W, 1]`
            and `reconstruction [B, H, W, 3]`.

        Raises:
            ValueError: If the latents are not finite, or of another shape.
        """
        return self._decode_slots(self.check_latents(latents), num_slots)

    def _decode_slots(self, latents, num_slots):
        components, logits = self.decoder(latents)
        if num_slots is not None:
            in_use = tf.sequence_mask(num_slots, slots_of(logits))
            logits = tf.where(in_use[:, :, None, None, None], logits, LOG_ZERO)
        log_object_masks = tf.nn.log_softmax(logits, axis=1)
        return {
            "components": components,
            "log_object_masks": log_object_masks,
            "reconstruction": mixture_mean(log_object_masks, components),
        }

    def _mask_term(self, log_masks, log_object_masks):
        if self.mask_consistency:
            return mask_consistency(log_masks, log_object_masks)
        return tf.zeros_like(log_masks[:, 0, 0, 0, 0])

    def train_step(self, data: Images) -> Outputs:
        """Advances the schedule of the embeddings, then runs a training step."""
        self.embedding_head.set_step(self.optimizer.iterations)
        return super().train_step(data)

    def training_loss(self, outputs: Outputs, beta: Tensor, images: Tensor) -> Tensor:
        """Returns the loss that a training step minimises (`MaskObjective`)."""
        step = self.optimizer.iterations
        if self.mask_consistency:
            weight = self.mask_objective.consistency_weight(step)
            outputs = {**outputs, "kl_masks": weight * outputs["kl_masks"]}
        return super().training_loss(
            outputs, beta, images
        ) + self.mask_objective.extra_loss(
            images, outputs, step, self.current_pixel_scale
        )

    def fixed_draws(
        self, num_images: int, num_slots: int | None = None, seed: int | Tensor = 0
    ) -> Draws:
        """Returns `seed_scores [B, H, W]` and `noise [B, K, D]`, see `SceneModel`."""
        num_slots = self.check_slots(num_slots)
        seeds = tf.random.split(seed_pair(seed), alg=ALGORITHM)
        first, second = tf.unstack(seeds)
        size = [num_images, self.image_size, self.image_size]
        latents = [num_images, num_slots, self.latent_dim]
        return {
            "seed_scores": tf.random.stateless_uniform(size, first, alg=ALGORITHM),
            "noise": tf.random.stateless_normal(latents, second, alg=ALGORITHM),
        }

    @property
    def latent_dim(self) -> int:
        """D, the size of a latent."""
        return self.object_latent_dim or self.feature_dim

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            **self._chosen(SETTINGS),
        }
