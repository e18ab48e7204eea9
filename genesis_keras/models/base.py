"""The base class of all models: settings, checks of arguments, sampling."""

import types
from typing import Any

import keras
import tensorflow as tf

from genesis_keras import surroundings
from genesis_keras.arguments import MAX_SLOTS, boolean, integer
from genesis_keras.layers.random_source import ALGORITHM, RandomSource, seed_pair
from genesis_keras.models import batches
from genesis_keras.models.keras_methods import KerasMethods
from genesis_keras.models.steps import SceneSteps
from genesis_keras.objectives.geco import GecoState
from genesis_keras.presets.preset_model import PresetModel
from genesis_keras.types import Config, Draws, Outputs, Tensor


class SceneModel(SceneSteps, PresetModel, KerasMethods):
    """Base class of the models: maps images to the dict specified in `outputs.py`.

    Subclasses implement `call(images, training, num_slots, **draws)`, where `draws` are
    the random numbers that the model uses; `fixed_draws`, which generates these, if
    they are more than `noise`; `latent_dim` (D); and, if they are generative, `sample`.
    `fit`, `evaluate` and `predict` take batches of images, or dicts with the key
    "image". By default XLA is used on a single GPU. It is not used on the CPU, where it
    makes the training step slower, nor with several replicas.
    `compile(jit_compile=...)` overrides this.

    Attributes:
        has_likelihood: Whether the model has a likelihood p(x | z), and hence an ELBO,
            a KL term and a use for GECO. Otherwise `error` is a squared error.
        has_flexible_slots: Whether `call` accepts `flexible_slots` and
            `min_mask_pixels`.
        min_slots: The smallest supported K.
        image_sizes: Constraints on `image_size`, as keyword arguments of
            `arguments.integer`.

    Args:
        image_size: Side H = W of the square images, in pixels.
        num_slots: Number of slots K in training.
        seed: Random seed of the model; chosen at random if None.
        **kwargs: Keyword arguments of `keras.Model`.

    Raises:
        ValueError: If `image_size`, `num_slots` or `seed` is not allowed.
    """

    has_likelihood = True
    has_flexible_slots = False
    min_slots = 1
    image_sizes = types.MappingProxyType({"least": 16, "power_of_two": True})

    def __init__(
        self, image_size: int, num_slots: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        if (problem := surroundings.problem()) is not None:
            raise ValueError(problem)
        # Inputs are not autocast: sublayers cast to low precision, images stay float32.
        super().__init__(autocast=False, **kwargs)
        self.image_size = integer("image_size", image_size, **self.image_sizes)
        self.num_slots = self._checked_slots(num_slots)
        self.random = RandomSource(seed, name="random")
        self.seed = self.random.seed
        self.geco = GecoState(name="geco")
        names = ("kl", "elbo", "beta") if self.has_likelihood else ()
        self.trackers = {
            name: keras.metrics.Mean(name=name) for name in ("loss", "error", *names)
        }

    def _resolve_auto_jit_compile(self):
        # Resolves `jit_compile="auto"`. Keras would always turn XLA on, but XLA cannot
        # compile the reductions between replicas.
        if self.distribute_strategy.num_replicas_in_sync > 1:
            return False
        return bool(tf.config.list_physical_devices("GPU"))

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Models are already built. With a strategy Keras 3 builds the optimiser here,
        # but it reads a batch first, which fails with several workers.
        self._check_compilation()
        if self._distribute_strategy is None or self.optimizer is None:
            return
        with self.distribute_strategy.scope():
            if not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)

    @property
    def is_generative(self) -> bool:
        """Whether the model supports `sample`."""
        return type(self).sample is not SceneModel.sample

    def sample(
        self, num_images: int, num_slots: int | None = None, noise: Tensor | None = None
    ) -> Outputs:
        """Samples scenes from the model's prior; generative models only."""
        raise ValueError(f"{type(self).__name__} is not generative: it cannot sample")

    def fixed_draws(
        self, num_images: int, num_slots: int | None = None, seed: int | Tensor = 0
    ) -> Draws:
        """Returns the random arguments of `call`, determined by the seed.

        Args:
            num_images: B.
            num_slots: K; defaults to K in training.
            seed: An integer or a pair of integers.

        Returns:
            Dict of `noise [B, K, D]`, standard normal. The noise of an image does not
            depend on B.
        """
        num_slots = self.check_slots(num_slots)
        shape = [num_images, num_slots, self.latent_dim]
        noise = tf.random.stateless_normal(shape, seed_pair(seed), alg=ALGORITHM)
        return {"noise": noise}

    def check_slots(
        self, num_slots: int | Tensor | None = None, flexible_slots: bool = False
    ) -> int | Tensor:
        """Validates and returns K of a call; defaults to K in training.

        Args:
            num_slots: K, or None. Scalar tensors (in exported graphs) are not checked.
            flexible_slots: Whether each image may use fewer slots.

        Raises:
            ValueError: If K is below `min_slots` or above 256, or the model does not
                support flexible slots.
        """
        if boolean("flexible_slots", flexible_slots) and not self.has_flexible_slots:
            raise ValueError(
                f"{type(self).__name__} uses the same number of slots for all "
                f"images: flexible_slots must be False; got {flexible_slots!r}"
            )
        num_slots = self.num_slots if num_slots is None else num_slots
        if tf.is_tensor(num_slots):
            return num_slots
        return self._checked_slots(num_slots)

    def _checked_slots(self, num_slots):
        return integer("num_slots", num_slots, least=self.min_slots, most=MAX_SLOTS)

    def check_latents(self, latents: Tensor) -> Tensor:
        """Returns latents as float32, or raises an error if they cannot be decoded.

        Args:
            latents: `[B, K, D]`.

        Raises:
            ValueError: If they have another shape or (outside of graphs) are not
                finite.
        """
        latents = batches.finite("latents", latents)
        if latents.shape.rank != 3 or latents.shape[-1] != self.latent_dim:
            expected = f"[B, K, {self.latent_dim}]"
            raise ValueError(f"latents must have shape {expected}; got {latents.shape}")
        return latents

    def check_images(self, images: Tensor) -> Tensor:
        """Returns images as float32; raises an error on a wrong shape or type.

        Args:
            images: `[B, H, W, 3]` floats in [0, 1].

        Raises:
            ValueError: If they are not floats in [0, 1], or not of the model's size.
        """
        images = tf.convert_to_tensor(images)
        if not images.dtype.is_floating:
            raise ValueError(
                f"images must be floats in [0, 1]; got dtype {images.dtype.name} "
                "(divide uint8 images by 255)"
            )
        expected = (self.image_size, self.image_size, 3)
        if images.shape.rank != 4 or images.shape[1:] != expected:
            raise ValueError(
                f"images must have shape [B, {self.image_size}, {self.image_size}, 3]; "
                f"got {images.shape}"
            )
        if tf.executing_eagerly():
            batches.in_range(images)
        return tf.cast(images, "float32")

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "num_slots": self.num_slots,
            "seed": self.seed,
        }
