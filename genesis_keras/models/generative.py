"""What the generative models share: draws, sampling, checks of their arguments."""

import tensorflow as tf

from genesis_keras.layers.blocks import initialize_glorot
from genesis_keras.layers.gaussian_statistics import shift_initial_scale
from genesis_keras.layers.random_source import ALGORITHM, seed_pair
from genesis_keras.models.base import SceneModel

INITIALIZATIONS = ("release", "glorot")


class GenerativeModel(SceneModel):
    """Base of the models with a prior and a decoder, thus with scenes to sample.

    Subclasses have `latent_dim` (D), `draw_latents` and `decode`, and call
    `initialize` when they are built.

    Attributes:
        min_slots: The smallest K that the model is defined for.

    Args:
        image_size: Side H = W of the images, in pixels.
        num_slots: K in training; each call may take another.
        pixel_scale: sigma_x of the likelihood.
        posterior_scale_bias: Added to the initial bias of the raw scales of the
            posterior (`shift_initial_scale`).
        initialization: "release", kernels and biases uniform in +-1/sqrt(fan_in), or
            "glorot", with which small models learn sooner (`initialize_glorot`).
        seed: Seed of all draws.
        **kwargs: Arguments of `keras.Model`.

    Raises:
        ValueError: `num_slots` is below `min_slots`, `pixel_scale` not positive, or
            `initialization` not known.
    """

    min_slots = 1

    def __init__(
        self,
        image_size,
        num_slots,
        pixel_scale,
        posterior_scale_bias=0.0,
        initialization="release",
        seed=None,
        **kwargs,
    ):
        super().__init__(image_size, num_slots, seed=seed, **kwargs)
        self.check_slots(num_slots)
        if not pixel_scale > 0:
            raise ValueError(f"pixel_scale must be positive; got {pixel_scale}")
        if initialization not in INITIALIZATIONS:
            raise ValueError(
                f"initialization must be one of {INITIALIZATIONS}; "
                f"got {initialization!r}"
            )
        self.pixel_scale = pixel_scale
        self.posterior_scale_bias = posterior_scale_bias
        self.initialization = initialization

    def initialize(self, posteriors):
        """Brings the weights of a model just built to the start that was asked for.

        Args:
            posteriors: Its layers that give raw statistics of a posterior.
        """
        if self.initialization == "glorot":
            initialize_glorot(self, keep=[layer.bias for layer in posteriors])
        for layer in posteriors:
            shift_initial_scale(layer, self.posterior_scale_bias)

    def fixed_draws(self, num_images, num_slots=None, seed=0):
        """Returns the random arguments of a call, the same for the same seed.

        Args:
            num_images: B.
            num_slots: K, by default that of training.
            seed: An integer, or two.

        Returns:
            Dict of `noise [B, K, D]`. That of the first images does not depend on B.
        """
        num_slots = self.check_slots(num_slots)
        shape = [num_images, num_slots, self.latent_dim]
        noise = tf.random.stateless_normal(shape, seed_pair(seed), alg=ALGORITHM)
        return {"noise": noise}

    def sample(self, num_images, num_slots=None, noise=None):
        """Draws scenes: latents from the prior, then the decoder.

        Args:
            num_images: B, at least 1.
            num_slots: K, at least `min_slots`; by default that of training.
            noise: Standard normal draws `[B, K, D]`; made if None.

        Returns:
            The dict of `decode`, and `latents [B, K, D]`.

        Raises:
            ValueError: `num_images`, `num_slots` or the shape of `noise` is wrong.
        """
        if num_images < 1:
            raise ValueError(f"num_images must be at least 1; got {num_images}")
        num_slots = self.check_slots(num_slots)
        noise = self.draw_noise(noise, num_images, num_slots)
        latents = self.draw_latents(noise)
        return {**self.decode(latents), "latents": latents}

    def check_slots(self, num_slots=None, flexible_slots=False):
        """Returns K of a call, by default that of training.

        Args:
            num_slots: K, or None. A scalar tensor (in exported graphs) is not
                looked at.
            flexible_slots: Whether each image may use fewer.

        Raises:
            ValueError: K is below `min_slots`, or the model has no flexible slots.
        """
        if flexible_slots and not self.has_flexible_slots:
            raise ValueError(
                f"{type(self).__name__} fixes the number of slots for all images: "
                f"flexible_slots must be False; got {flexible_slots!r}"
            )
        num_slots = self.num_slots if num_slots is None else num_slots
        if tf.is_tensor(num_slots):
            return num_slots
        if not isinstance(num_slots, int) or num_slots < self.min_slots:
            raise ValueError(
                f"num_slots must be an integer, at least {self.min_slots}; "
                f"got {num_slots!r}"
            )
        return num_slots

    def draw_noise(self, noise, num_images, num_slots):
        """Returns standard normal draws `[B, K, D]`: `noise`, or new ones if None.

        Args:
            noise: `[B, K, D]`, or None.
            num_images: B.
            num_slots: K.

        Raises:
            ValueError: `noise` has another shape.
        """
        if noise is None:
            return self.random.normal([num_images, num_slots, self.latent_dim])
        noise = tf.convert_to_tensor(noise, "float32")
        if noise.shape.rank != 3 or noise.shape[1:] != (num_slots, self.latent_dim):
            raise ValueError(
                f"noise must have shape [B, {num_slots}, {self.latent_dim}]; "
                f"got {noise.shape}"
            )
        return noise

    def get_config(self):
        return {
            **super().get_config(),
            "pixel_scale": self.pixel_scale,
            "posterior_scale_bias": self.posterior_scale_bias,
            "initialization": self.initialization,
        }
