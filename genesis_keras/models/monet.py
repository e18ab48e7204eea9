"""MONet-G: MONet (Burgess et al., 2019) as the paper trains it, with GECO."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, choice, integer, number
from genesis_keras.distributions.latents import categorical_kl, sampled_kl
from genesis_keras.distributions.pixel_mixture import mixture_mean, reconstruction_error
from genesis_keras.layers.component_decoder import ComponentDecoder
from genesis_keras.layers.component_encoder import ComponentEncoder
from genesis_keras.layers.recurrent_attention import RecurrentAttention
from genesis_keras.layers.region_embeddings import REGION_SETTINGS, RegionEmbeddings
from genesis_keras.layers.stick_breaking import masks_from_logits
from genesis_keras.models.generative import GenerativeModel
from genesis_keras.models.outputs import check_outputs
from genesis_keras.objectives.cluster_guidance import ClusterGuidance
from genesis_keras.objectives.elbo import elbo
from genesis_keras.types import Config, Outputs, Shape, Tensor

MASK_PRIORS = ("softmax", "scope")


@keras.saving.register_keras_serializable("genesis_keras")
class Monet(GenerativeModel):
    """Segments images by recurrent attention; a component VAE models each slot.

    image -> attention masks, one UNet pass each -> component latents -> components and
    reconstructed masks. There are two kinds of masks, and two bounds:

    - In training the components are mixed by the attention masks (`reconstruction`,
      `reconstruction_error`), and the loss includes `kl_masks`, the KL from the
      attention masks to the reconstructed masks (`log_object_masks`), summed over
      pixels.
    - Only the reconstructed masks are generated from latents. `elbo`, the reported
      bound, mixes the components by these and excludes the KL of the masks (footnote 2
      of the paper).

    Args:
        image_size: Side of the images in pixels: 32, 64, 128 (a power of two, at least
            16).
        num_slots: Number of slots K in training; a call may use another K.
        mask_prior: How mask logits are turned into reconstructed masks: "softmax" over
            the slots, or "scope" for stick breaking.
        component_latent_dim: D, the size of a latent.
        attention_filters: Channels of the first block of the attention's UNet.
        pooled_statistics: See `ComponentEncoder`.
        cluster_guidance: Weight of the loss that pulls both kinds of masks to clusters
            of the pixels (`ClusterGuidance`); 0 in the paper.
        stop_mask_gradient: Whether attention masks with this guidance learn from
            nothing else: no gradients flow to them from the latents, the reconstruction
            and their KL to the reconstructed masks. Unused without guidance.
        appearance_scale: Of these clusters, see `RegionEmbeddings`.
        coordinate_scale: Likewise.
        region_passes: Likewise. The attention masks are averaged within the same
            regions (`RegionEmbeddings.average_masks`); 0 leaves them as they are, as in
            the paper.
        region_edge_scale: Of the regions, see `RegionEmbeddings`.
        region_brightness: Likewise.
        appearance_offset: Likewise.
        kuwahara_passes: Likewise.
        pixel_scale: sigma_x of the likelihood.
        posterior_scale_bias: See `GenerativeModel`.
        initialization: See `GenerativeModel`.
        seed: Random seed.
        **kwargs: Keyword arguments of `GenerativeModel` and `keras.Model`.

    Call arguments:
        images: `[B, H, W, 3]` floats in [0, 1].
        training: Unused.
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        flexible_slots: Must be False.
        min_mask_pixels: Unused.
        noise: Standard normal noise of the latents `[B, K, D]`; sampled if None.

    Returns:
        The dict of `genesis_keras.models.outputs`.

    Raises:
        ValueError: If an argument or the shape or type of the images is wrong.

    Example:
        >>> model = Monet(image_size=32, num_slots=4)
        >>> model(tf.zeros([2, 32, 32, 3]))["log_masks"].shape
        TensorShape([2, 4, 32, 32, 1])
    """

    def __init__(
        self,
        image_size: int = 64,
        num_slots: int = 7,
        mask_prior: str = "softmax",
        component_latent_dim: int = 16,
        attention_filters: int = 32,
        pooled_statistics: bool = False,
        cluster_guidance: float = 0.0,
        stop_mask_gradient: bool = False,
        appearance_scale: float = 0.0,
        coordinate_scale: float = 1.0,
        region_passes: int = 0,
        region_edge_scale: float = 0.12,
        region_brightness: float = 1.0,
        appearance_offset: float = 0.3,
        kuwahara_passes: int = 0,
        pixel_scale: float = 0.7,
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
        self.mask_prior = choice("mask_prior", mask_prior, MASK_PRIORS)
        self.component_latent_dim = integer(
            "component_latent_dim", component_latent_dim, least=1
        )
        self.attention_filters = integer(
            "attention_filters", attention_filters, least=1
        )
        self.pooled_statistics = boolean("pooled_statistics", pooled_statistics)
        self.cluster_guidance = number("cluster_guidance", cluster_guidance, least=0)
        self.stop_mask_gradient = boolean("stop_mask_gradient", stop_mask_gradient)
        self.regions = RegionEmbeddings(
            **{name: arguments[name] for name in REGION_SETTINGS}
        )
        if self.cluster_guidance:
            self.guidance = ClusterGuidance(self.num_slots, self.regions)
        policy = self.dtype_policy
        self.attention = RecurrentAttention(
            self.attention_filters, dtype=policy, name="attention"
        )
        self.component_encoder = ComponentEncoder(
            self.component_latent_dim,
            "relu",
            self.pooled_statistics,
            dtype=policy,
            name="component_encoder",
        )
        self.component_decoder = ComponentDecoder(
            self.image_size, 4, "relu", dtype=policy, name="component_decoder"
        )
        self.build((None, self.image_size, self.image_size, 3))
        self.initialize([self.component_encoder.posterior])

    @property
    def latent_dim(self) -> int:
        """D, the size of a latent."""
        return self.component_latent_dim

    def build(self, input_shape: Shape) -> None:
        if self.built:
            return
        self.attention.build(input_shape)
        self.component_encoder.build(input_shape)
        self.component_decoder.build((None, self.num_slots, self.component_latent_dim))
        self.built = True

    def call(
        self,
        images: Tensor,
        training: bool = False,
        num_slots: int | Tensor | None = None,
        flexible_slots: bool = False,
        min_mask_pixels: float = 20.0,
        noise: Tensor | None = None,
    ) -> Outputs:
        images = self.check_images(images)
        num_slots = self.check_slots(num_slots, flexible_slots)
        noise = self.draw_noise(noise, tf.shape(images)[0], num_slots)
        log_masks = self.attention(images, num_slots=noise.shape[1])  # [B, K, H, W, 1]
        attended = log_masks = self.regions.average_masks(log_masks, images)
        if self.stop_mask_gradient and self.cluster_guidance:
            log_masks = tf.stop_gradient(log_masks)
        mean, scale = self.component_encoder(images, log_masks)  # [B, K, D]
        latents = mean + scale * noise
        components, log_object_masks = self._decode_slots(latents)
        prior_mean, prior_scale, log_prior = self.prior_of(latents)
        kl = sampled_kl(latents, mean, scale, log_prior)  # [B, K]
        kl_masks = categorical_kl(log_masks, log_object_masks, axis=1)  # [B, H, W, 1]
        error, reported_error = (
            reconstruction_error(images, masks, components, self.current_pixel_scale)
            for masks in (log_masks, log_object_masks)
        )
        return check_outputs(
            {
                "reconstruction": mixture_mean(log_masks, components),
                "components": components,
                "masks": tf.exp(attended),
                "log_masks": attended,
                "log_object_masks": log_object_masks,
                "num_slots": tf.fill(tf.shape(images)[:1], noise.shape[1]),
                "latents": latents,
                "posterior_mean": mean,
                "posterior_scale": scale,
                "prior_mean": prior_mean,
                "prior_scale": prior_scale,
                "reconstruction_error": error,
                "kl_latents": kl,
                "kl_masks": tf.reduce_sum(kl_masks, axis=[1, 2, 3]),
                "elbo": elbo(reported_error, kl),
            }
        )

    def training_loss(self, outputs: Outputs, beta: Tensor, images: Tensor) -> Tensor:
        """Returns the loss of a training step, with the weighted cluster guidance."""
        loss = super().training_loss(outputs, beta, images)
        if self.cluster_guidance:
            guidance = tf.reduce_mean(self.guidance(images, outputs))
            loss += self.cluster_guidance * guidance
        return loss

    def decode(self, latents: Tensor) -> Outputs:
        """Decodes latents into a scene, mixed by the reconstructed masks.

        Args:
            latents: `[B, K, D]`.

        Returns:
            Dict of `components [B, K, H, W, 3]`, `log_object_masks [B, K, H, W, 1]`
            and `reconstruction [B, H, W, 3]`.

        Raises:
            ValueError: If the latents are not finite, or of another shape.
        """
        latents = self.check_latents(latents)
        components, log_object_masks = self._decode_slots(latents)
        return {
            "components": components,
            "log_object_masks": log_object_masks,
            "reconstruction": mixture_mean(log_object_masks, components),
        }

    def _decode_slots(self, latents):
        """Maps latents to components and log masks, `[B, K, H, W, 3 and 1]`."""
        raw, logits = tf.split(self.component_decoder(latents), [3, 1], axis=-1)
        if self.mask_prior == "scope":
            return tf.sigmoid(raw), masks_from_logits(logits)
        return tf.sigmoid(raw), tf.nn.log_softmax(logits, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "mask_prior": self.mask_prior,
            "component_latent_dim": self.component_latent_dim,
            "attention_filters": self.attention_filters,
            "pooled_statistics": self.pooled_statistics,
            "cluster_guidance": self.cluster_guidance,
            "stop_mask_gradient": self.stop_mask_gradient,
            **{name: getattr(self.regions, name) for name in REGION_SETTINGS},
        }
