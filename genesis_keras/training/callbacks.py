"""What happens around the training steps: GECO, guard, summaries, checkpoints."""

import math
import time

import keras

from genesis_keras.arguments import number
from genesis_keras.objectives.geco import BETA_MIN, GecoSettings
from genesis_keras.training.progress import say

MAX_LOSS = 1e8
MAX_SKIPPED = 100


class DivergedError(RuntimeError):
    """The run has diverged; the last good checkpoint is kept."""


class GECO(keras.callbacks.Callback):
    """Attaches GECO to a model for a `fit` and logs its state.

    The update itself is part of the compiled training step. A model whose GECO has
    already run (a loaded checkpoint) goes on from its state.

    Args:
        goal: C in nats per pixel and channel.
        step_size: eta at 64x64; for side H it is `step_size * 64^2 / H^2`.
        speedup: Factor on eta while the goal is met.
        initial_beta: beta before the first step.
        momentum: alpha of the moving average of the error.
        min_beta: beta never falls below it.

    Raises:
        ValueError: An argument is out of range or of the wrong type; in `fit`, the
            model has no likelihood (Slot Attention).

    Example:
        >>> model.fit(images, callbacks=[GECO(goal=0.5655)])
    """

    def __init__(
        self,
        goal=0.5655,
        step_size=1e-5,
        speedup=10.0,
        initial_beta=1.0,
        momentum=0.99,
        min_beta=BETA_MIN,
    ):
        super().__init__()
        self.goal = number("goal", goal)
        self.step_size = number("step_size", step_size, above=0)
        self.speedup = number("speedup", speedup, above=0)
        self.initial_beta = number("initial_beta", initial_beta, above=0)
        self.momentum = number("momentum", momentum, least=0, below=1)
        self.min_beta = number("min_beta", min_beta, above=0)

    def set_model(self, model):
        super().set_model(model)
        if not model.has_likelihood:
            raise ValueError(
                f"GECO needs a likelihood, and {type(model).__name__} has none"
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
            model.train_function = None  # the settings are constants of its graph

    def on_train_batch_end(self, batch, logs=None):
        """Adds E and C to the logs, in nats per pixel and channel, and beta."""
        self._log(logs)

    def on_epoch_end(self, epoch, logs=None):
        """Adds the same to the history."""
        self._log(logs)

    def _log(self, logs):
        if logs is not None:
            values = self.model.image_size**2 * 3
            logs["geco_error"] = float(self.model.geco.error_ema.numpy()) / values
            logs["geco_goal"] = self.goal
            logs["geco_beta"] = float(self.model.geco.beta.numpy())


class Throughput(keras.callbacks.Callback):
    """Adds `images_per_second`, measured since the last reset, to the logs.

    Args:
        batch_size: Images in a step.
        every: Steps between resets; also of the model's metrics, so that what is
            shown is the mean of recent steps.
    """

    def __init__(self, batch_size, every):
        super().__init__()
        self.batch_size = batch_size
        self.every = every
        self.seconds = 0.0
        self.steps = 0

    def on_train_batch_begin(self, batch, logs=None):
        """Starts the clock and, every so many steps, the means anew."""
        if self.steps == self.every:
            self.model.reset_metrics()
            self.seconds, self.steps = 0.0, 0
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        """Adds the rate to the logs; the first step of all, a compilation, not."""
        self.steps += 1
        if batch:
            self.seconds += time.perf_counter() - self.start
        if logs is not None and self.seconds:
            counted = self.steps - (batch < self.every)
            logs["images_per_second"] = self.batch_size * counted / self.seconds


class DivergenceGuard(keras.callbacks.Callback):
    """Stops a run whose loss is not finite or beyond 1e8, with a clear error.

    Where the optimiser leaves updates out whose gradients are not finite (float16,
    `SkippingOptimizer`), it says so, and stops the run after 100 in a row.
    """

    def __init__(self):
        super().__init__()
        self.skipped = 0

    def on_train_batch_end(self, batch, logs=None):
        """Checks the loss.

        Raises:
            DivergedError: The run has diverged.
        """
        step = int(self.model.optimizer.iterations.numpy())
        for name in ("loss", "elbo"):
            value = logs.get(name, 0.0)  # without a likelihood there is no ELBO
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
    """Calls functions of (step, logs) every so many steps and after the last.

    Args:
        actions: List of (interval, function), called in this order.
        last_step: The step at which the run ends.
    """

    def __init__(self, actions, last_step):
        super().__init__()
        self.actions = actions
        self.last_step = last_step

    def on_train_batch_end(self, batch, logs=None):
        """Runs what is due; `step` counts over resumed runs."""
        step = int(self.model.optimizer.iterations.numpy())
        for interval, action in self.actions:
            if step % interval == 0 or step == self.last_step:
                action(step, dict(logs))
