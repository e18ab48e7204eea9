"""sigma_x over the training steps, and GECO's goal that follows it."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer, number
from genesis_keras.layers.schedules import linear_ramp
from genesis_keras.types import Config, Tensor


def goal_at_scale(
    goal: float, pixel_scale: float, new_scale: Tensor, num_values: int
) -> Tensor:
    """Returns the goal that means at another sigma_x the same squared error.

    A goal `C = n log(sigma sqrt(2 pi)) + S / (2 sigma^2)` of n values stands for a sum
    of squared errors S.

    Args:
        goal: C at `pixel_scale`, nats per image.
        pixel_scale: sigma_x of that goal.
        new_scale: The other sigma_x, a scalar tensor.
        num_values: n, pixels times channels.
    """
    floor = num_values * math.log(pixel_scale * math.sqrt(2.0 * math.pi))
    ratio = new_scale / pixel_scale
    return floor + num_values * tf.math.log(ratio) + (goal - floor) / tf.square(ratio)


@keras.saving.register_keras_serializable("genesis_keras")
class PixelScale(keras.layers.Layer):
    """sigma_x that goes from one value to another, by the same factor in each step.

    The value is part of the model's state, so that a model in a file has the
    likelihood that it was trained with last.

    Args:
        start: sigma_x of the first step.
        final: sigma_x from step `num_steps` on.
        num_steps: Steps over which it changes.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: A scale or the number of steps is not positive.
    """

    output_shape = ()  # for `summary`: it is not called

    def __init__(
        self, start: float, final: float, num_steps: int, **kwargs: Any
    ) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.start = number("pixel_scale", start, above=0)
        self.final = number("pixel_scale_final", final, above=0)
        self.num_steps = integer("pixel_scale_steps", num_steps, least=1)
        self.scale = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.start),
            autocast=False,
            aggregation="only_first_replica",  # all replicas compute the same value
            name="scale",
        )
        self.build(())

    def at(self, step: Tensor) -> Tensor:
        """Returns sigma_x of a step, a float32 scalar tensor.

        Args:
            step: Training steps taken before, an integer tensor.
        """
        ends = math.log(self.start), math.log(self.final)
        return tf.exp(linear_ramp(step, *ends, 0, self.num_steps))

    def set_step(self, step: Tensor) -> None:
        """Takes on the value of a step.

        Args:
            step: Training steps taken before, an integer tensor.
        """
        self.scale.assign(self.at(step))

    def goals(self, goal: float, step: Tensor, num_values: int) -> list[Tensor]:
        """Returns GECO's goal of a step and of the one before (`goal_at_scale`).

        Args:
            goal: C at `start`, nats per image.
            step: Training steps taken before, an integer tensor.
            num_values: Pixels times channels of an image.
        """
        return [
            goal_at_scale(goal, self.start, self.at(s), num_values)
            for s in (step, step - 1)
        ]

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        # Weights of a model with a constant sigma_x are a good start, too.
        if len(store):
            super().load_own_variables(store)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "start": self.start,
            "final": self.final,
            "num_steps": self.num_steps,
        }
