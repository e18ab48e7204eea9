"""The input pipeline: loads batches of a data set by name."""

import os
import re

import tensorflow as tf

from genesis_keras.data.damage import explaining_damage
from genesis_keras.data.folder_source import FolderSource
from genesis_keras.data.preprocessing import crop_and_resize, to_model_inputs
from genesis_keras.data.registry import FOLDER, get_spec
from genesis_keras.data.tfds_source import TfdsSource

# Splits whose uint8 examples take more than this are streamed from disk.
_MAX_CACHE_BYTES = 2**30

# Examples are shuffled in blocks of this many bytes of encoded records: a small split
# as a whole, a large one in blocks of tens of thousands of examples. The examples on
# disk are already in random order, so each block is a random sample.
_SHUFFLE_BYTES = 2**28


def load(
    name: str,
    split: str,
    *,
    batch_size: int,
    image_size: int | None = None,
    shuffle: bool = False,
    repeat: bool = False,
    seed: int = 0,
    start_step: int = 0,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    num_examples: int | None = None,
    cache: bool = True,
    drop_remainder: bool | None = None,
    shard: int = 0,
    num_shards: int = 1,
) -> tf.data.Dataset:
    """Loads a split of a data set, which is prepared on disk on first use.

    The order of examples in epoch e only depends on the data, `seed` and e, but not on
    TensorFlow's global seed, `cache`, `batch_size` or earlier epochs. With `repeat` the
    examples of all epochs form a single stream that is divided into batches. All
    batches are thus full, and a batch may contain the end of one epoch and the start of
    the next.

    ```python
    train = load(
        "sprites", "train", batch_size=16, shuffle=True, repeat=True, start_step=200
    )
    batch = next(iter(train))  # the 201st
    ```

    Args:
        name: "NAME" or "NAME/CONFIG"; `registry.SPECS` lists all.
        split: Name of a split, or a part of it in TFDS's notation, such as
            "train[:10%]".
        batch_size: Examples per batch, over all replicas and shards.
        image_size: Side S of the images; None for the data set's default.
        shuffle: Whether each epoch has a new random order, rather than the order on
            disk.
        repeat: Whether to repeat the data indefinitely.
        seed: Random seed of the order, non-negative.
        start_step: Number of batches to skip, such as those already consumed by an
            interrupted run. The stream continues exactly as it would have. Skipped
            examples are not decoded, and skipped epochs are not even read.
        data_dir: Folder of all TFDS data sets; None for `TFDS_DATA_DIR`, or
            `~/tensorflow_datasets` if that is not set. For the data set "folder", the
            folder of the pictures.
        manual_dir: Folder of manually downloaded source files, used instead of
            downloads when a data set is prepared.
        num_examples: Use only this many examples, the first on disk; None for all.
        cache: Whether to cache the split in memory, as uint8 at `image_size`, if it
            takes less than 1 GiB.
        drop_remainder: Whether to drop a smaller last batch. None is True with
            `repeat`, where all batches are full, so that their static shape is known.
        shard: Index of the part of each batch to return, from 0.
        num_shards: Number of equal parts, a divisor of `batch_size`. The concatenated
            parts of all shards are the batch without sharding; a smaller last batch may
            be empty for the last shards. Examples of other shards are not decoded,
            unless they are cached.

    Returns:
        A dataset of {"image": float32 [B, S, S, 3] in [0, 1], "segmentation": int32 [B,
        S, S, 1]}, B = batch_size / num_shards, labels 0 for the background and 1.. for
        objects; without "segmentation" if the data set has no labels. Automatic
        sharding is disabled: with several workers, pass each its `shard` in
        `tf.distribute.Strategy.distribute_datasets_from_function`.

    Raises:
        ValueError: If an argument is out of range, the name or split is unknown, or a
            file of the data set is damaged. If the data is not cached, iterating
            raises the errors that `explaining_damage` translates.
        OSError: If the data cannot be fetched, or written to `data_dir`.
    """
    _check_at_least(1, batch_size=batch_size, num_shards=num_shards)
    _check_at_least(1, image_size=image_size, num_examples=num_examples)
    _check_at_least(0, start_step=start_step, seed=seed)
    _check_shard(batch_size, shard, num_shards)
    spec = get_spec(name)
    _check_split(spec, split)
    if spec.builder == FOLDER:
        source = FolderSource(data_dir, split)
    else:
        source = TfdsSource(spec, split, data_dir, manual_dir)
    image_size = image_size or spec.image_size
    size = min(source.size, num_examples or source.size)
    if drop_remainder is None:
        drop_remainder = repeat
    block_size = max(1, int(_SHUFFLE_BYTES / max(1, source.record_bytes)))

    def batched(examples):
        examples = order_examples(
            examples,
            size,
            seed=seed,
            block_size=block_size if shuffle else None,
            repeat=repeat,
            skip=start_step * batch_size,
        )
        if drop_remainder and not repeat:
            full = max(0, size // batch_size - start_step)
            examples = examples.take(full * batch_size)
        return take_shard(examples, batch_size, shard, num_shards)

    def decode(record):
        return crop_and_resize(source.decode(record), image_size, spec.crop)

    records = source.records().take(size)
    local_size = batch_size // num_shards
    if cache and size * image_size**2 * 4 <= _MAX_CACHE_BYTES:
        # Indices are shuffled rather than examples, so that skipping is free.
        with explaining_damage(name, data_dir):
            columns = _read_all(records.map(decode, tf.data.AUTOTUNE), size)
        batches = batched(tf.data.Dataset.range(size)).batch(local_size, drop_remainder)
        batches = batches.map(
            lambda index: to_model_inputs(
                {key: tf.gather(column, index) for key, column in columns.items()}
            ),
            tf.data.AUTOTUNE,
        )
    else:
        examples = batched(records).map(decode, tf.data.AUTOTUNE)
        batches = examples.batch(local_size, drop_remainder)
        batches = batches.map(to_model_inputs, tf.data.AUTOTUNE)
    if repeat:
        count = tf.data.INFINITE_CARDINALITY
    else:
        count, rest = divmod(max(0, size - start_step * batch_size), batch_size)
        # A smaller last batch may end before this shard's part.
        count += rest > shard * local_size and not drop_remainder
    batches = batches.apply(tf.data.experimental.assert_cardinality(count))
    return batches.prefetch(tf.data.AUTOTUNE).with_options(_options())


def order_examples(
    source: tf.data.Dataset,
    size: int,
    *,
    seed: int,
    block_size: int | None,
    repeat: bool,
    skip: int,
) -> tf.data.Dataset:
    """Orders the elements of `source` over one epoch or endless epochs.

    The elements of an epoch are permuted within blocks; the permutation of a block is
    determined by (seed, epoch, block). Unlike `Dataset.shuffle`, this is independent of
    TensorFlow's global seed and can start at any position immediately.

    Args:
        source: A finite dataset with a fixed order.
        size: Its number of elements.
        seed: Random seed of the permutations.
        block_size: Number of elements that are permuted together; None keeps the order
            of `source`.
        repeat: Whether to repeat the data indefinitely.
        skip: Number of elements to skip at the start; whole epochs and blocks are
            skipped without being permuted.

    Returns:
        A dataset of elements like those of `source`.
    """
    first_epoch, first_index = divmod(skip, size)

    def make_epoch(epoch):
        start = tf.where(epoch == first_epoch, tf.constant(first_index, tf.int64), 0)
        if block_size is None:
            return source.skip(start)
        first_block = start // block_size
        blocks = source.skip(first_block * block_size).batch(block_size)
        blocks = blocks.enumerate(first_block)
        blocks = blocks.map(lambda i, block: _permute(block, seed, epoch, i))
        return blocks.unbatch().skip(start % block_size)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max if repeat else 1)
    return epochs.flat_map(make_epoch)


def take_shard(
    examples: tf.data.Dataset, batch_size: int, shard: int, num_shards: int
) -> tf.data.Dataset:
    """Keeps one shard's part of each batch.

    Args:
        examples: A dataset that starts with the first element of a batch.
        batch_size: Elements per batch, over all shards.
        shard: From 0 to `num_shards` - 1.
        num_shards: A divisor of `batch_size`.

    Returns:
        A dataset of the elements at positions `shard * b` to `(shard + 1) * b` of
        each batch, b = batch_size / num_shards.
    """
    if num_shards == 1:
        return examples
    local_size = batch_size // num_shards
    examples = examples.enumerate()
    examples = examples.filter(lambda i, _: i % batch_size // local_size == shard)
    return examples.map(lambda _, example: example)


def _permute(block, *numbers):
    """Permutes the leading axis of a nest of tensors, seeded by `numbers`."""
    # The algorithm is fixed, since the default may depend on the device.
    alg = "philox"
    key = tf.zeros(2, tf.int64)
    for number in numbers:
        key = tf.random.experimental.stateless_fold_in(key, number, alg=alg)
    length = tf.shape(tf.nest.flatten(block)[0])[0]
    order = tf.random.experimental.stateless_shuffle(tf.range(length), key, alg=alg)
    return tf.nest.map_structure(lambda column: tf.gather(column, order), block)


def _read_all(examples, size):
    """Reads all examples into the CPU's memory as {key: uint8 [N, S, S, C]}."""
    with tf.device("CPU:0"):
        return examples.batch(size).get_single_element()


def _options():
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return options


def _split_name(split):
    """Returns the split without TFDS's notation: "train" for "train[:10%]"."""
    return re.split(r"[\[+]", str(split))[0]


def _check_split(spec, split):
    if _split_name(split) not in spec.splits:
        raise ValueError(
            f"Unknown split={split!r} of {spec.name}. Known: {', '.join(spec.splits)}."
        )


def _check_shard(batch_size, shard, num_shards):
    if batch_size % num_shards:
        raise ValueError(
            f"num_shards must divide batch_size={batch_size}, got {num_shards}."
        )
    if not 0 <= shard < num_shards:
        raise ValueError(
            f"shard must be from 0 to num_shards - 1 = {num_shards - 1}, got {shard}."
        )


def _check_at_least(minimum, **arguments):
    for name, value in arguments.items():
        if value is not None and value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value}.")
