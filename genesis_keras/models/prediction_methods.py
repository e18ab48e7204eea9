"""`predict`, with random numbers that a call can determine."""

import types
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer, quoted
from genesis_keras.models import batches
from genesis_keras.models.saving_methods import SavingMethods
from genesis_keras.types import Arrays, Callback, Draws, Images, Outputs, Tensor

_INT32 = {"least": -(2**31), "most": 2**31 - 1}  # range of the seeds of a SavedModel


class PredictionMethods(SavingMethods):
    """`predict` of all models."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.predict_seed = types.SimpleNamespace(variable=None, used=False)

    def predict(
        self,
        x: Images,
        batch_size: int | None = None,
        verbose: str = "auto",
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        seed: int | None = None,
        draws: Draws | None = None,
    ) -> Arrays:
        """Returns the model's outputs for images, as NumPy arrays.

        The outputs depend on random numbers: the scores that select the seeds of the
        slots, and the noise of the latents. Each call samples new ones unless `seed` or
        `draws` is given.

        Args:
            x: As in `fit`.
            batch_size: As in Keras.
            verbose: As in Keras.
            steps: As in Keras.
            callbacks: As in Keras.
            seed: An integer that determines the random numbers, which are then the same
                for every image. The outputs for an image depend neither on the other
                images nor on the batch size, and equal those of a SavedModel with that
                seed.
            draws: Dict of the random numbers themselves: arrays `[N, ...]` with the
                keys of `fixed_draws`. Only for images given as arrays; batches of a
                dataset may instead be dicts with these additional keys.

        Returns:
            The dict of `genesis_keras.models.outputs`.

        Raises:
            ValueError: As in `fit`; or `seed` and `draws` are both given or wrong.

        Example:
            >>> labels = model.predict(images, seed=0)["log_masks"].argmax(axis=1)
        """
        if seed is not None and draws is not None:
            raise ValueError(f"seed must be None where draws are given; got {seed!r}")
        self._seed_predictions(seed)
        x = x if draws is None else self._with_draws(x, draws)
        with batches.short_errors():
            return super().predict(
                self._checked(x), batch_size, verbose, steps, callbacks
            )

    def predict_step(self, data: Images) -> Outputs:
        """Returns the outputs for a batch."""
        data, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        images = self.checked_images_of(data)
        seeded = self.predict_seed
        draws = self.fixed_draws(1, seed=seeded.variable if seeded.used else 0)
        if seeded.used:
            batch = tf.shape(images)[0]
            draws = {name: tf.repeat(draw, batch, 0) for name, draw in draws.items()}
        else:
            given = data if isinstance(data, dict) else {}
            draws = {name: given[name] for name in draws if name in given}
        return self(images, training=False, **draws)

    def checked_images_of(self, data: Images) -> Tensor:
        """Returns the images of a batch, checking in the graph that they are in [0, 1].

        Args:
            data: A batch, as passed by `fit`.
        """
        images = tf.convert_to_tensor(batches.images_of(data))
        # XLA would remove the check; then the dataset does it before the step.
        return images if self.jit_compile else batches.in_range(images)

    def _checked(self, x):
        """Adds a check of the images to a dataset if the step has none."""
        batches.check_arrays(x)
        one_replica = self.distribute_strategy.num_replicas_in_sync == 1
        if isinstance(x, tf.data.Dataset) and one_replica and self.jit_compile:
            return batches.checked_dataset(x)
        return x

    def _seed_predictions(self, seed):
        used = seed is not None
        if used != self.predict_seed.used:
            self.predict_function = None  # traced with the other kind
        self.predict_seed.used = used
        if used:
            seed = integer("seed", seed, **_INT32)
            if self.predict_seed.variable is None:
                with tf.init_scope():
                    variable = tf.Variable(seed, trainable=False, dtype="int32")
                self.predict_seed.variable = variable
            self.predict_seed.variable.assign(seed)

    def _with_draws(self, x, draws):
        images = x["image"] if isinstance(x, dict) else x
        known = self.fixed_draws(1)
        if not isinstance(draws, dict) or draws.keys() - known:
            raise ValueError(
                f"draws must be a dict of {sorted(known)}; got {quoted(draws)}"
            )
        if not hasattr(images, "shape"):
            raise ValueError(
                f"draws requires images in an array; got x={quoted(x)}; the batches "
                "of a dataset may contain draws as further keys"
            )
        for name, value in draws.items():
            shape = (images.shape[0], *known[name].shape[1:])
            if tuple(value.shape) != shape:
                raise ValueError(
                    f"draws[{name!r}] must have shape {shape}; got {tuple(value.shape)}"
                )
        return {"image": images, **draws}
