"""Clear errors for failures of TensorFlow in a training run."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import tensorflow as tf

from genesis_keras.data.damage import explaining_damage
from genesis_keras.training.rendezvous import WorkerLostError
from genesis_keras.types import Strategy

if TYPE_CHECKING:
    from genesis_keras.training.run_config import RunConfig


@contextlib.contextmanager
def naming_lost_workers(strategy: Strategy) -> Iterator[None]:
    """Translates errors of the communication between workers.

    Args:
        strategy: The `tf.distribute` strategy.

    Raises:
        WorkerLostError: If the block failed because another worker is gone.
    """
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    ) as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        raise WorkerLostError(
            "another worker of the job is gone; restart all workers with --resume to "
            f"go on from the last checkpoint ({error.message.splitlines()[0]})"
        ) from error


@contextlib.contextmanager
def explaining(config: "RunConfig") -> Iterator[None]:
    """Translates TensorFlow's errors in a training step.

    Args:
        config: The `RunConfig`.

    Raises:
        MemoryError: If a step does not fit into memory.
        ValueError: If a file of the data set is damaged.
    """
    try:
        with explaining_damage(config.dataset, config.data_dir):
            yield
    except (tf.errors.ResourceExhaustedError, tf.errors.InvalidArgumentError) as error:
        if not _is_out_of_memory(error):
            raise
        side = config.image_size
        raise MemoryError(
            f"a step of batch_size={config.batch_size} images of {side}x{side} with "
            f"num_slots={config.num_slots} does not fit into memory with "
            f"accumulate_steps={config.accumulate_steps}; a larger accumulate_steps, "
            "or a smaller batch_size, needs less"
        ) from error


def _is_out_of_memory(error):
    # TensorFlow reports a constant that it cannot allocate as one it cannot parse.
    return isinstance(error, tf.errors.ResourceExhaustedError) or (
        "Cannot parse tensor from proto" in error.message
    )
