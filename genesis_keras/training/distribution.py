"""Distributed training: TensorFlow's strategies, and the roles of processes."""

import os

import tensorflow as tf

from genesis_keras.training.cluster import Cluster, read_cluster
from genesis_keras.training.rendezvous import meet
from genesis_keras.training.settings.fitting import STRATEGIES
from genesis_keras.types import Config, Dataset, Strategy


def make_strategy(
    name: str, settings: Config | None = None, worker_timeout: int = 0
) -> Strategy:
    """Returns a `tf.distribute` strategy.

    A multi-worker strategy must be created before TensorFlow is used for anything else.
    It waits until all workers of `TF_CONFIG` have started.

    Args:
        name: "none" for one device; "mirrored" for all GPUs of this machine, or all
            logical CPU devices; "multi_worker" for all processes in the environment
            variable `TF_CONFIG` (or Slurm's variables); "auto" for multi_worker if
            `TF_CONFIG` has several workers, mirrored if there are several GPUs, and
            otherwise none.
        settings: Dict of settings that must be the same in all workers.
        worker_timeout: Seconds to wait for the other workers; 0 to wait indefinitely.

    Raises:
        ValueError: If the name is unknown, `TF_CONFIG` is wrong, or settings differ.
        WorkerLostError: If a worker has not started in time.
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
    cluster, resolver = _job()
    if len(cluster.addresses) > 1:
        meet(cluster, settings or {}, worker_timeout)
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def is_chief(strategy: Strategy) -> bool:
    """Whether this process is the one that writes checkpoints and logs."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    if "chief" in resolver.cluster_spec().as_dict():
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0


def distribute(
    dataset: Dataset, strategy: Strategy, batch_size: int, accumulate_steps: int = 1
) -> Dataset:
    """Splits each global batch among the replicas, in order.

    Args:
        dataset: Batches of `batch_size`, the same on all workers.
        strategy: What `make_strategy` returned.
        batch_size: Number of images in a global batch.
        accumulate_steps: Number of micro-batches of a replica's images.

    Returns:
        A dataset for `fit`; each replica gets batches of a static size.

    Raises:
        ValueError: If `batch_size` is not a multiple of the number of replicas, or a
            replica's images cannot be split into micro-batches of one size.
    """
    count = strategy.num_replicas_in_sync
    if batch_size % count:
        raise ValueError(
            f"batch_size must be a multiple of the {count} replicas; got {batch_size}"
        )
    if count == 1:
        return dataset
    size = batch_size // count
    if size % accumulate_steps:
        raise ValueError(
            f"accumulate_steps must divide the {size} images of each of the {count} "
            f"replicas; got {accumulate_steps}"
        )

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


def check_same_everywhere(strategy: Strategy, name: str, value: int) -> None:
    """Raises `ValueError` unless a number is the same in all processes of a job.

    Args:
        strategy: What `make_strategy` returned.
        name: Description of the number.
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
    cluster = read_cluster(os.environ.get("TF_CONFIG") or "{}")
    if cluster is not None and len(cluster.addresses) > 1:
        return "multi_worker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"


def _job():
    """Returns the `Cluster` of this process and TensorFlow's resolver for it."""
    resolvers = tf.distribute.cluster_resolver
    if text := os.environ.get("TF_CONFIG"):
        cluster = read_cluster(text)
        if cluster is None:
            raise ValueError(f"TF_CONFIG names no cluster; got {text!r}")
        return cluster, resolvers.TFConfigClusterResolver()
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        resolver = resolvers.SlurmClusterResolver()
        tasks = resolver.cluster_spec().as_dict()
        kind, index = resolver.get_task_info()
        addresses = {
            f"{kind} {index}": address
            for kind in sorted(tasks)
            for index, address in enumerate(tasks[kind])
        }
        return Cluster(addresses, f"{kind} {index}"), resolver
    raise ValueError(
        "strategy='multi_worker' needs the environment variable TF_CONFIG, or a job "
        "step of Slurm with several tasks"
    )
