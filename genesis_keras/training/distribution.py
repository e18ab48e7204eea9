"""Many devices: TensorFlow's strategies, and what each process of a job does."""

import json
import os

import tensorflow as tf

from genesis_keras.training.config import STRATEGIES


class WorkerLostError(RuntimeError):
    """Another process of a multi-worker job is gone; restart all of them."""


def make_strategy(name):
    """Returns a `tf.distribute` strategy.

    That of several workers must be made before anything else runs in TensorFlow; it
    waits until all workers of `TF_CONFIG` have been started.

    Args:
        name: "none", one device; "mirrored", all GPUs of this machine, or all
            logical CPU devices; "multi_worker", all processes that the environment
            variable `TF_CONFIG` (or Slurm's variables) names; "auto", the one of
            these that fits: several workers in `TF_CONFIG`, several GPUs, else none.

    Raises:
        ValueError: Unknown name, or `TF_CONFIG` names no cluster.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}; got {name!r}")
    if name == "auto":
        name = _fitting_strategy()
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU")
        devices = devices or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    resolver = _resolver()
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def is_chief(strategy):
    """Whether this process writes checkpoints and logs: one process of a job does."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    if "chief" in resolver.cluster_spec().as_dict():
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0


def distribute(dataset, strategy, batch_size):
    """Deals the images of each global batch out to the replicas, in their order.

    Args:
        dataset: Batches of `batch_size`, the same on all workers.
        strategy: What `make_strategy` returned.
        batch_size: Images in a global batch.

    Returns:
        A dataset for `fit`; each replica gets batches of a static size.

    Raises:
        ValueError: `batch_size` is not a multiple of the number of replicas.
    """
    count = strategy.num_replicas_in_sync
    if batch_size % count:
        raise ValueError(
            f"batch_size must be a multiple of the {count} replicas; got {batch_size}"
        )
    if count == 1:
        return dataset
    size = batch_size // count

    def of_worker(context):
        per_worker = count // context.num_input_pipelines
        first = context.input_pipeline_id * per_worker

        def parts(batch):
            part = {
                name: tf.reshape(values, [count, size, *values.shape[1:]])
                for name, values in batch.items()
            }
            part = {name: v[first : first + per_worker] for name, v in part.items()}
            return tf.data.Dataset.from_tensor_slices(part)

        return dataset.flat_map(parts).prefetch(2 * per_worker)

    return strategy.distribute_datasets_from_function(of_worker)


def check_same_everywhere(strategy, name, value):
    """Raises ValueError unless a number is the same in all processes of a job.

    Args:
        strategy: What `make_strategy` returned.
        name: What the number is.
        value: The number, an integer below 2^24.
    """
    if strategy.num_replicas_in_sync == 1:
        return

    @tf.function
    def mean():
        def of_replica():
            context = tf.distribute.get_replica_context()
            number = tf.constant(float(value))
            return context.all_reduce(tf.distribute.ReduceOp.MEAN, number)

        return strategy.run(of_replica)

    means = strategy.experimental_local_results(mean())
    if abs(float(means[0]) - value) > 1e-3:
        raise ValueError(
            f"the workers disagree on {name}: here it is {value}; they need the same "
            "--workdir on a file system that all see"
        )


def _fitting_strategy():
    if sum(len(tasks) for tasks in _cluster().values()) > 1:
        return "multi_worker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"


def _cluster():
    """The addresses that `TF_CONFIG` names, by kind of task."""
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        return json.loads(text).get("cluster", {})
    except (ValueError, AttributeError) as error:
        raise ValueError(f"TF_CONFIG is no JSON object; got {text!r}") from error


def _resolver():
    if os.environ.get("TF_CONFIG"):
        if not _cluster():
            text = os.environ["TF_CONFIG"]
            raise ValueError(f"TF_CONFIG names no cluster; got {text!r}")
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return tf.distribute.cluster_resolver.SlurmClusterResolver()
    raise ValueError(
        "strategy='multi_worker' needs the environment variable TF_CONFIG, or a job "
        "step of Slurm with several tasks"
    )
