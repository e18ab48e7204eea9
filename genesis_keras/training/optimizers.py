"""Adam with the paper's settings, and optional warm-up, decay and averaging."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.training.fused_adam import FusedAdam
from genesis_keras.types import Config, Model, Optimizer, Tensor, Variable

_EPSILON = 1e-8  # as in the authors' release; Keras's default is 1e-7
_FINAL_FRACTION = 0.02
_NEVER = 2**31 - 1  # steps


@keras.saving.register_keras_serializable("genesis_keras")
class WarmupHalving(keras.optimizers.schedules.LearningRateSchedule):
    """`rate * min(step / warmup_steps, 1) * 0.5^(step / halving_steps)`.

    Args:
        learning_rate: The peak rate, positive.
        warmup_steps: Number of steps of linear warm-up; 0 for none.
        halving_steps: Number of steps in which the rate halves, including those of the
            warm-up.
    """

    def __init__(
        self, learning_rate: float, warmup_steps: int, halving_steps: int
    ) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.halving_steps = halving_steps

    def __call__(self, step: int) -> Tensor:
        step = keras.ops.cast(step, "float32")
        warmup = keras.ops.minimum(step / max(self.warmup_steps, 1), 1.0)
        decay = keras.ops.power(0.5, step / self.halving_steps)
        return self.learning_rate * decay * (warmup if self.warmup_steps else 1.0)

    def get_config(self) -> Config:
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "halving_steps": self.halving_steps,
        }


@keras.saving.register_keras_serializable("genesis_keras")
class SkippingOptimizer(keras.optimizers.LossScaleOptimizer):
    """Skips updates with gradients that are not finite; the model skips the batch.

    Args:
        inner_optimizer: The optimiser for all other updates.
        initial_scale: Initial loss scale, for float16; 1 disables loss scaling.
        **kwargs: Keyword arguments of `keras.optimizers.LossScaleOptimizer`.
    """

    skips_batches = True

    def __init__(
        self, inner_optimizer: Optimizer, initial_scale: float = 1.0, **kwargs: Any
    ) -> None:
        if initial_scale == 1.0:
            kwargs["dynamic_growth_steps"] = _NEVER
        super().__init__(inner_optimizer, initial_scale=initial_scale, **kwargs)

    def _stateful_handle_non_finite_grads(self):
        if self.initial_scale != 1.0:
            super()._stateful_handle_non_finite_grads()


@keras.saving.register_keras_serializable("genesis_keras")
class AidedAdam(FusedAdam):
    """Adam with clipping by the global norm and averaging of the weights.

    The vector g of all gradients is clipped to `g * min(1, clip_norm / |g|)`. Keras's
    `global_clipnorm` is equivalent on one replica, but with several it clips the
    gradients of each replica rather than their sum. The average of `use_ema` starts at
    the initial weights, even if the first batches are skipped.

    Args:
        clip_norm: Maximum norm; 0 for no clipping.
        **kwargs: Keyword arguments of `keras.optimizers.Adam`.
    """

    def __init__(self, clip_norm: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clip_norm = clip_norm

    def build(self, variables: Sequence[Variable]) -> None:
        """Creates the optimiser's variables."""
        super().build(variables)
        if self.use_ema:
            averages = self._model_variables_moving_average
            for average, variable in zip(averages, variables, strict=True):
                average.assign(variable)

    def apply(
        self,
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """Updates the weights with the clipped gradients."""
        if self.clip_norm:
            grads = self._clip(grads)
        super().apply(grads, trainable_variables)

    def _clip(self, grads):
        known = [gradient for gradient in grads if gradient is not None]
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            known = context.all_reduce(tf.distribute.ReduceOp.SUM, known)
        norm = tf.linalg.global_norm(known)
        factor = self.clip_norm / tf.maximum(norm, self.clip_norm)
        return [None if g is None else g * tf.cast(factor, g.dtype) for g in grads]

    def get_config(self) -> Config:
        return {**super().get_config(), "clip_norm": self.clip_norm}


@contextlib.contextmanager
def averaged_weights(model: Model) -> Iterator[None]:
    """Context manager in which a model has the average of its weights.

    Does nothing if the optimiser keeps no average. The weights are restored exactly,
    unlike with `keras.callbacks.SwapEMAWeights`, which swaps by additions that round.

    Args:
        model: A compiled model.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not (getattr(optimizer, "use_ema", False) and optimizer.built):
        yield
        return
    weights = model.trainable_variables
    before = [weight.numpy() for weight in weights]
    optimizer.finalize_variable_values(weights)
    try:
        yield
    finally:
        for weight, value in zip(weights, before, strict=True):
            weight.assign(value)


def make_optimizer(
    learning_rate: float,
    warmup_steps: int = 0,
    decay_steps: int = 0,
    halving_steps: int = 0,
    clip_norm: float = 0.0,
    ema_momentum: float = 0.0,
) -> Optimizer:
    """Returns Adam with epsilon 1e-8.

    The schedule depends on the step but not on the length of the run, so that a run can
    be resumed and extended.

    Args:
        learning_rate: Learning rate after the warm-up.
        warmup_steps: Number of steps over which the rate increases linearly from 0.
        decay_steps: Number of steps of cosine decay after the warm-up, to 1/50 of the
            rate; 0 for a constant rate.
        halving_steps: Number of steps in which the rate halves, in a continuous
            exponential decay from step 0, as an alternative to `decay_steps`; 0 for no
            decay.
        clip_norm: Maximum global norm of the gradients; 0 for no clipping.
        ema_momentum: Momentum of the exponential moving average of the weights, which
            the model has at the end of `fit`; 0 for no average.

    Returns:
        A `FusedAdam`, which is a `keras.optimizers.Adam`.

    Raises:
        ValueError: If both `decay_steps` and `halving_steps` are given.
    """
    if decay_steps and halving_steps:
        raise ValueError(
            "decay_steps and halving_steps exclude each other; "
            f"got {decay_steps} and {halving_steps}"
        )
    schedule = learning_rate
    if halving_steps:
        schedule = WarmupHalving(learning_rate, warmup_steps, halving_steps)
    elif decay_steps:
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup_steps else learning_rate,
            decay_steps,
            alpha=_FINAL_FRACTION,
            warmup_target=learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    elif warmup_steps:
        schedule = keras.optimizers.schedules.PolynomialDecay(
            0.0, warmup_steps, end_learning_rate=learning_rate
        )
    options = {"learning_rate": schedule, "epsilon": _EPSILON}
    if ema_momentum:
        options |= {"use_ema": True, "ema_momentum": ema_momentum}
    if clip_norm or ema_momentum:
        return AidedAdam(clip_norm, **options)
    return FusedAdam(**options)
