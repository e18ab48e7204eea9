"""The schedule of settings that change during training: a linear ramp."""

import tensorflow as tf

from genesis_keras.types import Tensor


def linear_ramp(
    step: Tensor | int,
    start_value: float,
    end_value: float,
    first_step: int,
    num_steps: int,
) -> Tensor:
    """Returns a value that changes linearly from one to another, then is constant.

    Args:
        step: Number of training steps so far, an integer tensor.
        start_value: Value until `first_step`.
        end_value: Value from `first_step + num_steps` on.
        first_step: Step at which the change begins.
        num_steps: Number of steps that the change takes; 0 for an immediate change.

    Returns:
        A float32 scalar tensor.
    """
    elapsed = tf.cast(step, "float32") - float(first_step)
    if num_steps == 0:
        return tf.where(elapsed >= 0, float(end_value), float(start_value))
    share = tf.clip_by_value(elapsed / num_steps, 0.0, 1.0)
    return start_value + share * (end_value - start_value)
