"""`compile`, `fit`, `evaluate` and `predict`, for models that learn from images."""

import types
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer, quoted
from genesis_keras.models import batches
from genesis_keras.models.saving_methods import SavingMethods
from genesis_keras.types import (
    Arrays,
    Callback,
    Config,
    Draws,
    History,
    Images,
    Outputs,
    Scores,
    Tensor,
)

_INT32 = {"least": -(2**31), "most": 2**31 - 1}  # range of the seeds of a SavedModel


class KerasMethods(SavingMethods):
    """`compile`, `fit`, `evaluate` and `predict` of all models.

    Arguments that the models cannot use (targets, losses, sample weights) raise an
    error rather than being ignored.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.predict_seed = types.SimpleNamespace(variable=None, used=False)
        self.told_beta = False
        self.accumulate_steps = 1

    def compile(
        self,
        optimizer: str = "rmsprop",
        loss: None = None,
        loss_weights: None = None,
        metrics: None = None,
        weighted_metrics: None = None,
        accumulate_steps: int = 1,
        **kwargs: Any,
    ) -> None:
        """Configures the model for training; loss and metrics are built in.

        Args:
            optimizer: As in Keras.
            loss: Must be None.
            loss_weights: Must be None.
            metrics: Must be None.
            weighted_metrics: Must be None.
            accumulate_steps: Number of micro-batches into which each batch is split.
                Their gradients are averaged before the update. It must divide the
                number of images of each batch and device.
            **kwargs: `run_eagerly`, `steps_per_execution`, `jit_compile` and
                `auto_scale_loss`, as in Keras.

        Raises:
            ValueError: If an argument that must be None is not, or `accumulate_steps`
                is not a positive integer.
        """
        batches.refuse_unused(
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
        )
        # Not the optimiser's `gradient_accumulation_steps`: schedules, draws, GECO,
        # clipping and averages would then change with each micro-batch.
        self.accumulate_steps = integer("accumulate_steps", accumulate_steps, least=1)
        super().compile(optimizer, **kwargs)

    def get_compile_config(self) -> Config:
        """Returns the arguments of `compile`, which are saved with the model."""
        config = super().get_compile_config()
        return config and {**config, "accumulate_steps": self.accumulate_steps}

    def compile_from_config(self, config: Config) -> None:
        """Compiles a loaded model with the settings of the saved one."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Images | None = None,
        y: None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Images | None = None,
        shuffle: bool = True,
        class_weight: None = None,
        sample_weight: None = None,
        **kwargs: Any,
    ) -> History:
        """Trains on images.

        The history holds `loss`, `error` and, for models with a likelihood, `kl`,
        `elbo` and `beta`; with validation data, also each with the prefix `val_`. With
        GECO the loss is `error + beta * KL`, where beta changes during training, so
        values of `val_loss` cannot be compared between epochs. For early stopping,
        monitor `val_elbo` or `val_error`, as in the example.

        Args:
            x: Images `[N, H, W, 3]` as floats in [0, 1], a dict with these as "image",
                or a dataset of batches of either.
            y: Must be None: the models do not use labels.
            batch_size: As in Keras.
            epochs: As in Keras.
            verbose: As in Keras.
            callbacks: As in Keras. `genesis_keras.GECO` tunes beta; without it beta
                keeps its value, which is 1 in a new model.
            validation_split: As in Keras.
            validation_data: As `x`.
            shuffle: As in Keras.
            class_weight: Must be None.
            sample_weight: Must be None.
            **kwargs: `initial_epoch`, `steps_per_epoch`, `validation_steps`,
                `validation_batch_size` and `validation_freq`, as in Keras.

        Returns:
            The `keras.callbacks.History`.

        Raises:
            ValueError: If images are not in [0, 1] or not of the model's size, or an
                unsupported argument is given.

        Example:
            >>> stop = keras.callbacks.EarlyStopping("val_elbo", mode="max")
            >>> model.fit(images, validation_data=held_out, callbacks=[GECO(), stop])
        """
        batches.refuse_unused(
            y=y, class_weight=class_weight, sample_weight=sample_weight
        )
        if isinstance(validation_data, tuple | list):
            batches.images_of(tuple(validation_data))
            batches.check_arrays(validation_data[0])
        with batches.short_errors():
            return super().fit(
                self._checked(x),
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=self._with_note(callbacks),
                validation_split=validation_split,
                validation_data=self._checked(validation_data),
                # Keras warns that it does not shuffle a Dataset, asked to or not.
                shuffle=shuffle and not isinstance(x, tf.data.Dataset),
                **kwargs,
            )

    def evaluate(
        self,
        x: Images | None = None,
        y: None = None,
        batch_size: int | None = None,
        verbose: str = "auto",
        sample_weight: None = None,
        **k: Any,
    ) -> list[float] | Scores:
        """Returns the loss and metrics for images; each call gives the same values.

        Args:
            x: As in `fit`.
            y: Must be None.
            batch_size: As in Keras.
            verbose: As in Keras.
            sample_weight: Must be None.
            **k: `steps`, `callbacks` and `return_dict`, as in Keras.

        Returns:
            A list, or a dict if `return_dict=True`.

        Raises:
            ValueError: As in `fit`.
        """
        batches.refuse_unused(y=y, sample_weight=sample_weight)
        with batches.short_errors():
            return super().evaluate(
                self._checked(x), batch_size=batch_size, verbose=verbose, **k
            )

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

    def _with_note(self, callbacks):
        """Adds a callback that prints a note if no callback tunes beta."""
        if isinstance(callbacks, keras.callbacks.CallbackList):
            return callbacks
        given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        # It comes last, so that GECO is attached by then.
        note = keras.callbacks.LambdaCallback(on_train_begin=self._note_beta)
        return [*(callback for callback in given if callback is not None), note]

    def _note_beta(self, _):
        if self.told_beta or not self.has_likelihood or self.geco.settings is not None:
            return
        self.told_beta = True
        warnings.warn(
            f"no GECO: beta, the weight of the KL, stays {float(self.geco.beta):g} "
            "(callbacks=[genesis_keras.GECO(goal=...)] tunes it)",
            stacklevel=2,
        )

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
