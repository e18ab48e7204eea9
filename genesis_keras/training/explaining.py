"""Errors of TensorFlow in a run, in the words of the run."""

import contextlib
from typing import TYPE_CHECKING

import tensorflow as tf

from genesis_keras.data.preparation import prepare
from genesis_keras.data.registry import get_spec
from genesis_keras.training.rendezvous import WorkerLostError
from genesis_keras.types import Strategy

if TYPE_CHECKING:
    from genesis_keras.training.run_config import RunConfig


@contextlib.contextmanager
def naming_lost_workers(strategy: Strategy):
    """Raises `WorkerLostError` instead of TensorFlow's errors if a worker is lost.

    Args:
        strategy: The run's strategy.
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
def explaining(config: "RunConfig"):
    """Translates TensorFlow's errors in a training step to clear messages.

    Args:
        config: The `RunConfig`.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        side = config.image_size
        raise MemoryError(
            f"a step of batch_size={config.batch_size} images of {side}x{side} with "
            f"num_slots={config.num_slots} does not fit into memory"
        ) from error
    except tf.errors.DataLossError as error:
        spec = get_spec(config.dataset)
        folder = prepare(spec, config.data_dir or None).data_dir
        raise ValueError(
            f"a file of the data in {str(folder)!r} is damaged "
            f"({error.message.splitlines()[0]}): delete this folder, and the data set "
            "is made again"
        ) from error
