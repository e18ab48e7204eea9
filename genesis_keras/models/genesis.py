"""GENESIS (Engelcke, Kosiorek, Parker Jones, Posner, ICLR 2020)."""

import types
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer
from genesis_keras.distributions.latents import diagonal_normal, sampled_kl
from genesis_keras.distributions.pixel_mixture import mixture_mean, reconstruction_error
from genesis_keras.layers.autoregressive_prior import AutoregressivePrior
from genesis_keras.layers.component_decoder import ComponentDecoder
from genesis_keras.layers.component_encoder import ComponentEncoder
from genesis_keras.layers.conditional_prior import ConditionalPrior
from genesis_keras.layers.mask_decoder import MaskDecoder
from genesis_keras.layers.mask_encoder import MaskEncoder
from genesis_keras.layers.mask_posterior import MaskPosterior
from genesis_keras.models.generative import GenerativeModel
from genesis_keras.models.outputs import check_outputs
from genesis_keras.objectives.elbo import elbo
from genesis_keras.types import Config, Outputs, Shape, Tensor

HIDDEN_UNITS = 256


@keras.saving.register_keras_serializable("genesis_keras")
class Genesis(GenerativeModel):
    """Infers attention masks slot by slot, then encodes the image under each mask.

    image -> one vector -> mask latents z_m, one after the other -> attention masks ->
    component latents z_c -> components. The components are mixed by the attention
    masks, so `log_object_masks` equals `log_masks`. The latent of a slot is the
    concatenation of z_m and z_c, and its KL the sum of both KLs.

    Args:
        image_size: Side of the images in pixels: 32, 64, 128 (a power of two, 16 to
            128).
        num_slots: Number of slots K in training, at least 2; a call may use another K.
        mask_latent_dim: Size of z_m.
        component_latent_dim: Size of z_c.
        autoregressive_prior: Whether the prior of z_m is conditioned on earlier slots;
            if False it is N(0, 1) for every slot.
        pooled_statistics: See `ComponentEncoder`.
        pixel_scale: sigma_x of the likelihood.
        posterior_scale_bias: See `GenerativeModel`.
        initialization: See `GenerativeModel`.
        seed: Random seed.
        **kwargs: Keyword arguments of `GenerativeModel` and `keras.Model`.

    Call arguments:
        images: `[B, H, W, 3]` floats in [0, 1].
        training: Whether batch normalisation uses the statistics of the batch and
            updates its moving averages.
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        flexible_slots: Must be False.
        min_mask_pixels: Unused.
        noise: Standard normal noise of the latents `[B, K, D]`; sampled if None.

    Returns:
        The dict of `genesis_keras.models.outputs`, with
        D = `mask_latent_dim + component_latent_dim`.

    Raises:
        ValueError: If an argument or the shape or type of the images is wrong.

    Example:
        >>> model = Genesis(image_size=32, num_slots=4)
        >>> model(tf.zeros([2, 32, 32, 3]))["log_masks"].shape
        TensorShape([2, 4, 32, 32, 1])
    """

    min_slots = 2
    image_sizes = types.MappingProxyType(
        {"least": 16, "most": 128, "power_of_two": True}
    )

    def __init__(
        self,
        image_size: int = 64,
        num_slots: int = 7,
        mask_latent_dim: int = 64,
        component_latent_dim: int = 16,
        autoregressive_prior: bool = True,
        pooled_statistics: bool = False,
        pixel_scale: float = 0.7,
        posterior_scale_bias: float = 0.0,
        initialization: str = "release",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            image_size,
            num_slots,
            pixel_scale,
            posterior_scale_bias,
            initialization,
            seed,
            **kwargs,
        )
        self.mask_latent_dim = integer("mask_latent_dim", mask_latent_dim, least=1)
        self.component_latent_dim = integer(
            "component_latent_dim", component_latent_dim, least=1
        )
        self.autoregressive_prior = boolean(
            "autoregressive_prior", autoregressive_prior
        )
        self.pooled_statistics = boolean("pooled_statistics", pooled_statistics)
        self._make_layers()
        self.build((None, self.image_size, self.image_size, 3))
        self.initialize(
            [
                self.mask_posterior.first,
                self.mask_posterior.project,
                self.component_encoder.posterior,
            ]
        )

    def _make_layers(self):
        policy = self.dtype_policy
        self.mask_encoder = MaskEncoder(HIDDEN_UNITS, dtype=policy, name="mask_encoder")
        # Layers that work on vectors are cheap, so they stay in float32.
        self.mask_posterior = MaskPosterior(
            self.mask_latent_dim, dtype="float32", name="mask_posterior"
        )
        self.mask_decoder = MaskDecoder(
            self.image_size, dtype=policy, name="mask_decoder"
        )
        self.component_encoder = ComponentEncoder(
            self.component_latent_dim,
            "elu",
            self.pooled_statistics,
            dtype=policy,
            name="component_encoder",
        )
        self.component_decoder = ComponentDecoder(
            self.image_size, 3, "elu", dtype=policy, name="component_decoder"
        )
        if self.autoregressive_prior:
            self.mask_prior = AutoregressivePrior(
                4 * self.mask_latent_dim, dtype="float32", name="mask_prior"
            )
        self.component_prior = ConditionalPrior(
            self.component_latent_dim, dtype="float32", name="component_prior"
        )

    @property
    def latent_dim(self) -> int:
        """D, the size of z_m and z_c together."""
        return self.mask_latent_dim + self.component_latent_dim

    def build(self, input_shape: Shape) -> None:
        if self.built:
            return
        mask_latents = (None, self.num_slots, self.mask_latent_dim)
        self.mask_encoder.build(input_shape)
        self.mask_posterior.build((None, HIDDEN_UNITS))
        self.mask_decoder.build(mask_latents)
        self.component_encoder.build(input_shape)
        self.component_decoder.build((None, self.num_slots, self.component_latent_dim))
        if self.autoregressive_prior:
            self.mask_prior.build(mask_latents)
        self.component_prior.build(mask_latents)
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
        mask_noise, component_noise = self._split(noise)
        hidden = self.mask_encoder(images, training=training)  # [B, 256]
        z_m, *mask_posterior = self.mask_posterior(hidden, mask_noise)  # [B, K, 64]
        log_masks = self.mask_decoder(z_m, training=training)  # [B, K, H, W, 1]
        component_posterior = self.component_encoder(images, log_masks)  # [B, K, 16]
        z_c = component_posterior[0] + component_posterior[1] * component_noise
        decoded = self._mix(log_masks, z_c)
        latents = tf.concat([z_m, z_c], axis=-1)  # [B, K, D]
        mean, scale = _join(mask_posterior, component_posterior)
        prior_mean, prior_scale, log_prior = self.prior_of(latents)
        kl = sampled_kl(latents, mean, scale, log_prior)  # [B, K]
        error = reconstruction_error(
            images, log_masks, decoded["components"], self.current_pixel_scale
        )
        return check_outputs(
            {
                **decoded,
                "masks": tf.exp(log_masks),
                "log_masks": log_masks,
                "num_slots": tf.fill(tf.shape(images)[:1], noise.shape[1]),
                "latents": latents,
                "posterior_mean": mean,
                "posterior_scale": scale,
                "prior_mean": prior_mean,
                "prior_scale": prior_scale,
                "reconstruction_error": error,
                "kl_latents": kl,
                "kl_masks": tf.zeros_like(error),
                "elbo": elbo(error, kl),
            }
        )

    def decode(self, latents: Tensor) -> Outputs:
        """Decodes latents into a scene; edit them to edit the scene.

        Args:
            latents: The concatenated z_m and z_c of each slot `[B, K, D]`.

        Returns:
            Dict of `components [B, K, H, W, 3]`, `log_object_masks [B, K, H, W, 1]`
            and `reconstruction [B, H, W, 3]`.

        Raises:
            ValueError: If the latents are not finite, or of another shape.
        """
        z_m, z_c = self._split(self.check_latents(latents))
        return self._mix(self.mask_decoder(z_m), z_c)

    def prior_of(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the prior of z_m, then that of z_c given z_m, see `GenerativeModel`.

        Args:
            latents: `[B, K, D]`.

        Returns:
            Mean and standard deviation `[B, K, D]`, and log densities `[B, K]`.
        """
        z_m, _ = self._split(latents)
        mask_prior = tf.zeros_like(z_m), tf.ones_like(z_m)
        if self.autoregressive_prior:
            mask_prior = self.mask_prior(z_m)[:2]
        mean, scale = _join(mask_prior, self.component_prior(z_m))
        return mean, scale, diagonal_normal(mean, scale).log_prob(latents)

    def draw_latents(self, noise: Tensor) -> Tensor:
        """Samples z_m slot by slot, then z_c given z_m.

        Args:
            noise: Standard normal noise `[B, K, D]`.

        Returns:
            Latents `[B, K, D]`.
        """
        mask_noise, component_noise = self._split(noise)
        z_m = mask_noise
        if self.autoregressive_prior:
            z_m = self.mask_prior.sample(mask_noise)
        return self._with_components(z_m, component_noise)

    def draw_next(self, earlier: Tensor, noise: Tensor) -> Tensor:
        """Samples a slot's latent `[B, D]`, see `AutoregressivePrior.draw_next`."""
        mask_noise, component_noise = self._split(noise)
        z_m = mask_noise
        if self.autoregressive_prior:
            z_m = self.mask_prior.draw_next(self._split(earlier)[0], mask_noise)
        return self._with_components(z_m, component_noise)

    def _with_components(self, mask_latents, component_noise):
        mean, scale = self.component_prior(mask_latents)
        return tf.concat([mask_latents, mean + scale * component_noise], axis=-1)

    def _split(self, latents):
        return tf.split(
            latents, [self.mask_latent_dim, self.component_latent_dim], axis=-1
        )

    def _mix(self, log_masks, component_latents):
        components = tf.sigmoid(self.component_decoder(component_latents))
        return {
            "components": components,
            "log_object_masks": log_masks,
            "reconstruction": mixture_mean(log_masks, components),
        }

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "mask_latent_dim": self.mask_latent_dim,
            "component_latent_dim": self.component_latent_dim,
            "autoregressive_prior": self.autoregressive_prior,
            "pooled_statistics": self.pooled_statistics,
        }


def _join(mask_statistics, component_statistics):
    """Concatenates means and scales of z_m and z_c, `[B, K, D]` each."""
    return [
        tf.concat(pair, axis=-1)
        for pair in zip(mask_statistics, component_statistics, strict=True)
    ]
