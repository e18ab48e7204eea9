"""GECO: a constraint on the reconstruction error (Eq. 6), as part of the graph."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import number
from genesis_keras.types import Tensor

BETA_MIN, BETA_MAX = 1e-10, 1e10


@dataclasses.dataclass(frozen=True)
class GecoSettings:
    """The goal and the step sizes of GECO, in nats per image.

    Attributes:
        goal: C, the target of the reconstruction error, in nats per image.
        step_size: Eta, per nat of `C - E`.
        momentum: Alpha of the moving average E, in [0, 1).
        speedup: Factor on `step_size` while the goal is met (`C - E > 0`).
        initial_beta: Value of beta before the first step.
        min_beta: Lower bound of beta.

    Raises:
        ValueError: If a value is out of range.
    """

    goal: float
    step_size: float = 1e-5
    momentum: float = 0.99
    speedup: float = 10.0
    initial_beta: float = 1.0
    min_beta: float = BETA_MIN

    def __post_init__(self):
        number("GECO goal", self.goal)
        number("GECO step_size", self.step_size, above=0)
        number("GECO momentum", self.momentum, least=0, below=1)
        number("GECO speedup", self.speedup, above=0)
        number("GECO min_beta", self.min_beta, above=0, most=BETA_MAX)
        number(
            "GECO initial_beta",
            self.initial_beta,
            least=self.min_beta,
            most=BETA_MAX,
        )


def geco_update(
    beta: Tensor,
    error_ema: Tensor,
    is_first: Tensor,
    error: Tensor,
    settings: "GecoSettings",
    goal: Tensor | None = None,
) -> Tensor:
    """Updates beta and the moving average of the error.

    `E = alpha * E + (1 - alpha) * error`, with `E = error` in the first step; `beta =
    beta * exp(eta * (C - E))`, where eta is multiplied by `speedup` if C > E.

    Args:
        beta: Weight of the KL, scalar tensor.
        error_ema: E before the step, scalar tensor.
        is_first: Whether this is the first step, boolean scalar tensor.
        error: Reconstruction error of the global batch, in nats per image.
        settings: A `GecoSettings`.
        goal: C of this step, a scalar tensor; by default that of the settings.

    Returns:
        The new values of beta and E. The loss of the step uses the old beta.
    """
    momentum = tf.where(is_first, 0.0, settings.momentum)
    momentum = tf.cast(momentum, error_ema.dtype)
    error_ema = momentum * error_ema + (1.0 - momentum) * tf.stop_gradient(error)
    constraint = (settings.goal if goal is None else goal) - error_ema
    rate = settings.step_size * tf.where(constraint > 0, settings.speedup, 1.0)
    beta = beta * tf.exp(tf.cast(rate, constraint.dtype) * constraint)
    return tf.clip_by_value(beta, settings.min_beta, BETA_MAX), error_ema


@keras.saving.register_keras_serializable("genesis_keras")
class GecoState(keras.layers.Layer):
    """Holds beta and E as weights of the model, which are saved with it.

    Without `settings` beta stays 1 and the loss is the negative ELBO.
    """

    output_shape = ()  # for `summary`, since the layer is never called

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.settings = None
        # All replicas compute the same values.
        scalar = {"shape": (), "aggregation": "only_first_replica"}
        self.beta = self.add_weight(initializer="ones", name="beta", **scalar)
        self.error_ema = self.add_weight(
            initializer="zeros", name="error_ema", **scalar
        )
        self.num_updates = self.add_weight(
            initializer="zeros", dtype="int32", name="num_updates", **scalar
        )
        self.build(())

    def reset(self) -> None:
        """Forgets all updates, as in a model that was never trained."""
        self.settings = None
        self.beta.assign(1.0)
        self.error_ema.assign(0.0)
        self.num_updates.assign(0)

    def attach(self, settings: "GecoSettings") -> None:
        """Starts to update beta with `settings`; continues from an existing state.

        Args:
            settings: A `GecoSettings`.
        """
        self.settings = settings
        if int(self.num_updates.numpy()) == 0:
            self.beta.assign(settings.initial_beta)

    def update(self, error: Tensor, goals: list[Tensor] | None = None) -> None:
        """Updates the state if the error is finite.

        Args:
            error: Mean error of the global batch, a scalar tensor in nats.
            goals: If the goal changes during training, the goals of this step and of
                the previous one, scalar tensors. E is shifted by their difference, so
                that C - E does not change.
        """
        if self.settings is None:
            return
        goal = None
        if goals is not None:
            goal, goal_before = goals
            self.error_ema.assign_add(goal - goal_before)
        valid = tf.math.is_finite(error)
        beta, error_ema = geco_update(
            self.beta.value,
            self.error_ema.value,
            tf.equal(self.num_updates, 0),
            error,
            self.settings,
            goal,
        )
        self.beta.assign(tf.where(valid, beta, self.beta))
        self.error_ema.assign(tf.where(valid, error_ema, self.error_ema))
        self.num_updates.assign_add(tf.cast(valid, "int32"))
