"""`compile`, `fit` and `evaluate`, for models that learn from images."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.models import batches
from genesis_keras.models.prediction_methods import PredictionMethods
from genesis_keras.types import (
    Callback,
    Config,
    History,
    Images,
    Scores,
)


class KerasMethods(PredictionMethods):
    """`compile`, `fit` and `evaluate` of all models.

    Arguments that the models cannot use (targets, losses, sample weights) raise an
    error rather than being ignored.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
