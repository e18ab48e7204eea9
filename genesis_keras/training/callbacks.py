"""Keras callbacks: GECO, throughput, divergence guard, periodic actions."""

import math
import time
from collections.abc import Callable

import keras

from genesis_keras.arguments import number
from genesis_keras.objectives.geco import BETA_MIN, GecoSettings
from genesis_keras.training.geco_goals import error_floor
from genesis_keras.training.progress import say
from genesis_keras.types import Config, Model

MAX_LOSS = 1e8
MAX_SKIPPED = 100


class DivergedError(RuntimeError):
    """The run has diverged; the last good checkpoint is kept."""


class GECO(keras.callbacks.Callback):
    """Attaches GECO to a model for a `fit` and logs its state.

    The update itself is part of the compiled training step. If the model already has a
    GECO state, such as that of a loaded checkpoint, training continues from it.

    Args:
        goal: Target C of the reconstruction error, in nats per pixel and channel. If
            sigma_x changes during training, this is the goal of the first step, and
            later goals correspond to the same squared error.
        step_size: Step size eta for 64x64 images; for side H it is `step_size * 64^2 /
            H^2`.
        speedup: Factor of eta while the goal is met.
        initial_beta: Value of beta before the first step.
        momentum: Momentum alpha of the moving average of the error.
        min_beta: Lower bound of beta.

    Raises:
        ValueError: If an argument is out of range or of the wrong type, or, in `fit`,
            the model has no likelihood (Slot Attention) or no reconstruction can meet
            the goal.

    Example:
        >>> model.fit(images, callbacks=[GECO(goal=0.5655)])
    """

    def __init__(
        self,
        goal: float = 0.5655,
        step_size: float = 1e-5,
        speedup: float = 10.0,
        initial_beta: float = 1.0,
        momentum: float = 0.99,
        min_beta: float = BETA_MIN,
    ) -> None:
        super().__init__()
        self.goal = number("goal", goal)
        self.step_size = number("step_size", step_size, above=0)
        self.speedup = number("speedup", speedup, above=0)
        self.initial_beta = number("initial_beta", initial_beta, above=0)
        self.momentum = number("momentum", momentum, least=0, below=1)
        self.min_beta = number("min_beta", min_beta, above=0)

    def set_model(self, model: Model) -> None:
        super().set_model(model)
        if not model.has_likelihood:
            raise ValueError(
                f"GECO needs a likelihood, and {type(model).__name__} has none"
            )
        floor = error_floor(model.pixel_scale)
        if self.goal <= floor:
            raise ValueError(
                f"goal={self.goal} cannot be met with pixel_scale={model.pixel_scale}: "
                f"it must be above {floor:.4f}, the error of a perfect reconstruction"
            )
        settings = GecoSettings(
            goal=self.goal * model.image_size**2 * 3,
            step_size=self.step_size * 64**2 / model.image_size**2,
            momentum=self.momentum,
            speedup=self.speedup,
            initial_beta=self.initial_beta,
            min_beta=self.min_beta,
        )
        if settings != model.geco.settings:
            model.geco.attach(settings)
            model.train_function = None  # its graph contains the settings as constants

    def on_train_batch_end(self, batch: int, logs: Config | None = None) -> None:
        """Adds beta, and E and C in nats per pixel and channel, to the logs."""
        self._log(logs)

    def on_epoch_end(self, epoch: int, logs: Config | None = None) -> None:
        """Adds the same values to the history."""
        self._log(logs)

    def _log(self, logs):
        if logs is not None:
            values = self.model.image_size**2 * 3
            logs["geco_error"] = float(self.model.geco.error_ema.numpy()) / values
            logs["geco_goal"] = self._current_goal()
            logs["geco_beta"] = float(self.model.geco.beta.numpy())

    def _current_goal(self):
        """The goal of the last step, per pixel and channel."""
        goals = self.model.moving_goals(self.model.optimizer.iterations)
        if goals is None:
            return self.goal
        return float(goals[1]) / (self.model.image_size**2 * 3)


class Throughput(keras.callbacks.Callback):
    """Adds `images_per_second`, measured since the last reset, to the logs.

    Args:
        batch_size: Number of images per step.
        every: Number of steps between resets. The model's metrics are reset as well, so
            that they are means over recent steps.
    """

    def __init__(self, batch_size: int, every: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.every = every
        self.seconds = 0.0
        self.steps = 0

    def on_train_batch_begin(self, batch: int, logs: Config | None = None) -> None:
        """Starts the clock, and regularly resets the means."""
        if self.steps == self.every:
            self.model.reset_metrics()
            self.seconds, self.steps = 0.0, 0
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Config | None = None) -> None:
        """Adds the rate to the logs, except for the first step, which compiles."""
        self.steps += 1
        if batch:
            self.seconds += time.perf_counter() - self.start
        if logs is not None and self.seconds:
            counted = self.steps - (batch < self.every)
            logs["images_per_second"] = self.batch_size * counted / self.seconds


class DivergenceGuard(keras.callbacks.Callback):
    """Stops a run with a clear error if its loss is not finite or exceeds 1e8.

    If the optimiser skips updates with gradients that are not finite (float16,
    `SkippingOptimizer`), it prints each of them, and stops the run after 100 in a row.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0

    def on_train_batch_end(self, batch: int, logs: Config | None = None) -> None:
        """Checks the loss.

        Raises:
            DivergedError: If the run has diverged.
        """
        step = int(self.model.optimizer.iterations.numpy())
        for name in ("loss", "elbo"):
            value = logs.get(name, 0.0)  # models without a likelihood have no ELBO
            if not math.isfinite(value) or abs(value) > MAX_LOSS:
                self._stop(step, f"{name}={value:g}")
        if not logs.get("skipped"):
            self.skipped = 0
            return
        self.skipped += 1
        say(f"step {step}: a gradient is not finite, the batch is skipped")
        if self.skipped == MAX_SKIPPED:
            self._stop(step, f"{MAX_SKIPPED} skipped batches in a row")

    def _stop(self, step, why):
        raise DivergedError(
            f"the run diverged by step {step}: {why}; the last "
            "good checkpoint is kept (a lower --learning_rate may help)"
        )


class Every(keras.callbacks.Callback):
    """Calls functions of (step, logs) at regular intervals and after the last step.

    Args:
        actions: List of (interval, function), called in this order.
        last_step: The last step of the run.
    """

    def __init__(
        self, actions: list[tuple[int, Callable[[int, Config], None]]], last_step: int
    ) -> None:
        super().__init__()
        self.actions = actions
        self.last_step = last_step

    def on_train_batch_end(self, batch: int, logs: Config | None = None) -> None:
        """Runs the actions that are due; `step` includes the steps of resumed runs."""
        step = int(self.model.optimizer.iterations.numpy())
        for interval, action in self.actions:
            if step % interval == 0 or step == self.last_step:
                action(step, dict(logs))
