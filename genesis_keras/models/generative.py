"""The base class of the generative models: sampling, initialisation, settings."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from genesis_keras.arguments import choice, integer, number
from genesis_keras.distributions.latents import diagonal_normal
from genesis_keras.layers.blocks import initialize_glorot
from genesis_keras.layers.gaussian_statistics import shift_initial_scale
from genesis_keras.models import batches
from genesis_keras.models.base import SceneModel
from genesis_keras.objectives.pixel_scale import PixelScale
from genesis_keras.types import Config, Images, Layer, Outputs, Tensor

INITIALIZATIONS = ("release", "glorot")


class GenerativeModel(SceneModel):
    """Base class of the models that can sample scenes: they have a prior and a decoder.

    Subclasses implement `latent_dim` (D) and `decode`, and call `initialize` when they
    are built. The prior is that of their layer `prior`, an `AutoregressivePrior`, or
    N(0, 1) if they have none.

    Args:
        image_size: Side H = W of the images, in pixels.
        num_slots: Number of slots K in training; a call may use another K.
        pixel_scale: Standard deviation sigma_x of the likelihood.
        posterior_scale_bias: Offset that is added to the initial bias of the
            posterior's raw scales (`shift_initial_scale`).
        initialization: "release" for kernels and biases uniform in +-1/sqrt(fan_in), or
            "glorot", with which small models learn faster (`initialize_glorot`).
        seed: Random seed.
        pixel_scale_final: sigma_x after `pixel_scale_steps` training steps, see
            `PixelScale`. The goal of GECO is adapted to it.
        pixel_scale_steps: Number of steps over which sigma_x changes; 0 keeps
            `pixel_scale`.
        **kwargs: Keyword arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.
    """

    prior: Layer | None = None

    def __init__(
        self,
        image_size: int,
        num_slots: int,
        pixel_scale: float,
        posterior_scale_bias: float = 0.0,
        initialization: str = "release",
        seed: int | None = None,
        pixel_scale_final: float = 0.7,
        pixel_scale_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size, num_slots, seed=seed, **kwargs)
        self.pixel_scale = number("pixel_scale", pixel_scale, above=0)
        self.pixel_scale_final = number("pixel_scale_final", pixel_scale_final, above=0)
        self.pixel_scale_steps = integer(
            "pixel_scale_steps", pixel_scale_steps, least=0
        )
        if self.pixel_scale_steps:
            self.changing_scale = PixelScale(
                pixel_scale, pixel_scale_final, pixel_scale_steps, name="changing_scale"
            )
        self.posterior_scale_bias = number("posterior_scale_bias", posterior_scale_bias)
        self.initialization = choice("initialization", initialization, INITIALIZATIONS)

    def initialize(self, posteriors: Sequence[Layer]) -> None:
        """Applies the requested initialisation to a model that was just built.

        Args:
            posteriors: The layers that return raw statistics of a posterior.
        """
        if self.initialization == "glorot":
            initialize_glorot(self, keep=[layer.bias for layer in posteriors])
        for layer in posteriors:
            shift_initial_scale(layer, self.posterior_scale_bias)

    @property
    def current_pixel_scale(self) -> float | Tensor:
        """sigma_x of the last training step, a float or a scalar tensor."""
        if self.pixel_scale_steps:
            return tf.identity(self.changing_scale.scale)
        return self.pixel_scale

    def train_step(self, data: Images) -> Outputs:
        """One step, see `SceneModel`; sigma_x takes its value of the step first."""
        if self.pixel_scale_steps:
            self.changing_scale.set_step(self.optimizer.iterations)
        return super().train_step(data)

    def moving_goals(self, step: Tensor) -> list[Tensor] | None:
        """Returns GECO's goals of a step and of the previous one; None if constant.

        Args:
            step: Number of previous training steps, an integer tensor.
        """
        if not self.pixel_scale_steps or self.geco.settings is None:
            return None
        values = self.image_size**2 * 3
        return self.changing_scale.goals(self.geco.settings.goal, step, values)

    def sample(
        self, num_images: int, num_slots: int | None = None, noise: Tensor | None = None
    ) -> Outputs:
        """Samples scenes: latents from the prior, then the decoder.

        Args:
            num_images: B, at least 1.
            num_slots: K, at least `min_slots`; defaults to K in training.
            noise: Standard normal noise `[B, K, D]`; sampled if None.

        Returns:
            The dict of `decode`, with the additional key `latents [B, K, D]`.

        Raises:
            ValueError: If `num_images`, `num_slots` or the shape of `noise` is wrong.
        """
        num_images = integer("num_images", num_images, least=1)
        num_slots = self.check_slots(num_slots)
        noise = self.draw_noise(noise, num_images, num_slots)
        latents = self.draw_latents(noise)
        return {**self.decode(latents), "latents": latents}

    def prior_of(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the prior of every slot, given the slots before it.

        Args:
            latents: `[B, K, D]`.

        Returns:
            Mean and standard deviation `[B, K, D]`, and the log density of the latents
            in nats `[B, K]`.
        """
        if self.prior is not None:
            return self.prior(latents)
        standard = tf.zeros_like(latents), tf.ones_like(latents)
        return *standard, diagonal_normal(*standard).log_prob(latents)

    def draw_latents(self, noise: Tensor) -> Tensor:
        """Samples the latents of all slots, one after the other.

        Args:
            noise: Standard normal noise `[B, K, D]`.

        Returns:
            Latents `[B, K, D]`.
        """
        return noise if self.prior is None else self.prior.sample(noise)

    def draw_next(self, earlier: Tensor, noise: Tensor) -> Tensor:
        """Samples the latent of the next slot, given the slots before it.

        Args:
            earlier: Latents of these k slots `[B, k, D]`; k may be 0.
            noise: Standard normal noise `[B, D]`.

        Returns:
            The latent `[B, D]`.
        """
        return noise if self.prior is None else self.prior.draw_next(earlier, noise)

    def draw_noise(
        self, noise: Tensor, num_images: int | Tensor, num_slots: int | Tensor
    ) -> Tensor:
        """Returns standard normal noise `[B, K, D]`: `noise`, or new noise if None.

        Args:
            noise: `[B, K, D]`, or None.
            num_images: B.
            num_slots: K.

        Raises:
            ValueError: If `noise` is not finite, or has another shape.
        """
        if noise is None:
            return self.random.normal([num_images, num_slots, self.latent_dim])
        noise = batches.finite("noise", noise)
        if noise.shape.rank != 3 or noise.shape[1:] != (num_slots, self.latent_dim):
            raise ValueError(
                f"noise must have shape [B, {num_slots}, {self.latent_dim}]; "
                f"got {noise.shape}"
            )
        return noise

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "pixel_scale": self.pixel_scale,
            "pixel_scale_final": self.pixel_scale_final,
            "pixel_scale_steps": self.pixel_scale_steps,
            "posterior_scale_bias": self.posterior_scale_bias,
            "initialization": self.initialization,
        }
