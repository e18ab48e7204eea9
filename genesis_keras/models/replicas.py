"""The part of the global batch that a replica processes; all of it on one device."""

from typing import NamedTuple

import tensorflow as tf

from genesis_keras.types import Draws, Outputs, Tensor


class Shard(NamedTuple):
    """The images of the global batch that a replica processes.

    Sizes are integers if the shapes are static, otherwise scalar tensors.

    Attributes:
        first: Index of the replica's first image in the global batch.
        size: Number of the replica's images.
        global_size: Number of images in the global batch.
    """

    first: tf.Tensor | int
    size: tf.Tensor | int
    global_size: tf.Tensor | int

    @property
    def share(self) -> Tensor:
        """The replica's fraction of the images, a float32 scalar."""
        return tf.cast(self.size, "float32") / tf.cast(self.global_size, "float32")


def shard_of(images: Tensor) -> "Shard":
    """Returns the `Shard` of the calling replica.

    Args:
        images: The replica's images `[B, ...]`. Batches of a static size are assumed to
            be of the same size on all replicas.
    """
    context = tf.distribute.get_replica_context()
    static = images.shape[0]
    size = tf.shape(images)[0] if static is None else static
    if not _is_distributed(context):
        return Shard(0, size, size)
    replica, count = context.replica_id_in_sync_group, context.num_replicas_in_sync
    if static is not None:
        return Shard(replica * size, size, count * size)
    mine = tf.one_hot(replica, count) * tf.cast(size, "float32")
    sizes = tf.cast(context.all_reduce(tf.distribute.ReduceOp.SUM, mine), "int32")
    return Shard(
        tf.reduce_sum(tf.where(tf.range(count) < replica, sizes, 0)),
        size,
        tf.reduce_sum(sizes),
    )


def take(draws: Draws, shard: "Shard") -> Draws:
    """Returns a replica's part of random numbers for the global batch.

    Args:
        draws: Dict of tensors `[B, ...]`, where B is the global batch size.
        shard: The replica's `Shard`.
    """
    if not _is_distributed(tf.distribute.get_replica_context()):
        return draws
    static = shard.size if isinstance(shard.size, int) else None
    parts = {
        name: value[shard.first : shard.first + shard.size]
        for name, value in draws.items()
    }
    return {
        name: at_least_one(tf.ensure_shape(part, [static, *part.shape[1:]]))
        for name, part in parts.items()
    }


def at_least_one(rows: Tensor) -> Tensor:
    """Returns rows `[B, ...]`, or one row of zeros if a replica has none.

    The last batch of an epoch may leave a replica without images, and not all
    operations support empty batches. Such a replica has weight 0 in all means.

    Args:
        rows: The replica's images or random numbers.
    """
    distributed = _is_distributed(tf.distribute.get_replica_context())
    if rows.shape[0] is not None or not distributed:
        return rows
    missing = tf.maximum(1 - tf.shape(rows)[0], 0)
    return tf.pad(rows, [[0, missing], *[[0, 0]] * (rows.shape.rank - 1)])


def global_means(means: Outputs, shard: "Shard") -> Outputs:
    """Returns means over the global batch, each a float32 scalar.

    Args:
        means: Dict of scalars: the means over the replica's images.
        shard: The replica's `Shard`.
    """
    context = tf.distribute.get_replica_context()
    if not _is_distributed(context):
        return means
    values = tf.stack([tf.cast(mean, "float32") for mean in means.values()])
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, values * shard.share)
    return dict(zip(means, tf.unstack(total), strict=True))


def true_everywhere(condition: Tensor) -> Tensor:
    """Returns whether a boolean scalar is true on all replicas."""
    context = tf.distribute.get_replica_context()
    if not _is_distributed(context):
        return condition
    failures = tf.cast(tf.logical_not(condition), "float32")
    return context.all_reduce(tf.distribute.ReduceOp.SUM, failures) == 0.0


def is_multi_worker() -> bool:
    """Whether training runs in several processes."""
    strategy = tf.distribute.get_strategy()
    return (
        isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        and len(strategy.cluster_resolver.cluster_spec().as_dict()) > 0
        and strategy.num_replicas_in_sync > len(strategy.extended.worker_devices)
    )


def _is_distributed(context):
    return context is not None and context.num_replicas_in_sync > 1
