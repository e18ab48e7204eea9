"""Adam as the paper uses it, with an optional warm-up and decay."""

import keras

_EPSILON = 1e-8  # the release's; Keras's default is 1e-7
_FINAL_FRACTION = 0.02


def make_optimizer(learning_rate, warmup_steps=0, decay_steps=0):
    """Returns Adam with epsilon 1e-8.

    The schedule depends on the step alone, never on the length of the run, so that
    a run can be resumed and prolonged.

    Args:
        learning_rate: The rate after the warm-up.
        warmup_steps: Steps over which the rate rises linearly from 0.
        decay_steps: Steps of cosine decay after the warm-up, to a fiftieth of the
            rate; 0 keeps it constant.

    Returns:
        A `keras.optimizers.Adam`.
    """
    schedule = learning_rate
    if decay_steps:
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
    return keras.optimizers.Adam(schedule, epsilon=_EPSILON)
