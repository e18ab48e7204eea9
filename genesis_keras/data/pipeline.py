"""The input pipeline: a data set's name in, batches for the model out."""

import os
import re

import tensorflow as tf

from genesis_keras.data.preparation import prepare
from genesis_keras.data.preprocessing import crop_and_resize, to_model_inputs
from genesis_keras.data.registry import get_spec

# A split whose uint8 examples need more than this is streamed from disk.
_MAX_CACHE_BYTES = 2**30

# Examples are shuffled in blocks of this many bytes of encoded records: all of
# a small split at once, and tens of thousands of a large one's examples. Files
# are in a random order already, so that a block is a random sample.
_SHUFFLE_BYTES = 2**28

_KEYS = ("image", "segmentation")


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
    num_examples: int | None = None,
    cache: bool = True,
    drop_remainder: bool | None = None,
) -> tf.data.Dataset:
    """Loads a split of a data set, made on disk on first use.

    The order of epoch e depends on the data, `seed` and e alone: not on the
    global seed, on `cache`, on `batch_size`, or on earlier epochs. With `repeat`
    the examples of all epochs form one stream that is cut into batches, so that
    every batch is full and one may hold the end of an epoch and the start of
    the next.

    ```python
    train = load(
        "sprites", "train", batch_size=16, shuffle=True, repeat=True, start_step=200
    )
    batch = next(iter(train))  # the 201st
    ```

    Args:
        name: "NAME" or "NAME/CONFIG", as `registry.SPECS` lists.
        split: a split's name, or a part of it in TFDS's notation:
            "train[:10%]".
        batch_size: examples in a batch, over all replicas.
        image_size: side S of the images; None is the data set's default.
        shuffle: whether examples come in a new random order in each epoch
            rather than in their order on disk.
        repeat: whether epochs follow each other without end.
        seed: of the order, non-negative.
        start_step: number of batches already consumed; the stream continues
            after them exactly as it would have. Skipped examples are neither
            decoded nor resized, past epochs not even read.
        data_dir: folder of all TFDS data sets; None is `TFDS_DATA_DIR` or else
            `~/tensorflow_datasets`.
        num_examples: use only this many examples, the first on disk; all if
            there are fewer. None uses all.
        cache: whether to hold the split in memory, as uint8 at `image_size`, if
            that takes less than 1 GiB.
        drop_remainder: whether a last, smaller batch is dropped; None drops it
            where none can arise, with `repeat`, which fixes the static shape.

    Returns:
        A dataset of {"image": float32 [B, S, S, 3] in [0, 1], "segmentation":
        int32 [B, S, S, 1]}, labels 0 for the background and 1.. for objects;
        without "segmentation" if the data set has no labels. Automatic sharding
        is off: under several workers each reads the same stream of global
        batches, to be cut by `Dataset.shard` or the strategy's input context.

    Raises:
        ValueError: an argument is out of its range; unknown name or split.
        OSError: the data cannot be written to `data_dir`.
    """
    _check_at_least(1, batch_size=batch_size)
    _check_at_least(1, image_size=image_size, num_examples=num_examples)
    _check_at_least(0, start_step=start_step, seed=seed)
    spec = get_spec(name)
    _check_split(spec, split)
    builder = prepare(spec, data_dir)
    image_size = image_size or spec.image_size
    size = _count(builder, split, num_examples)
    if drop_remainder is None:
        drop_remainder = repeat

    def ordered(source):
        return order_examples(
            source,
            size,
            seed=seed,
            block_size=_block_size(builder, split) if shuffle else None,
            repeat=repeat,
            skip=start_step * batch_size,
        )

    def decode(record):
        features = builder.info.features
        example = {key: features[key].decode_example(record[key]) for key in record}
        return crop_and_resize(example, image_size, spec.crop)

    records = _read_records(builder, split).take(size)
    if cache and size * image_size**2 * 4 <= _MAX_CACHE_BYTES:
        # The order is that of indices, so that skipping costs nothing.
        columns = _read_all(records.map(decode, tf.data.AUTOTUNE), size)
        batches = ordered(tf.data.Dataset.range(size)).batch(batch_size, drop_remainder)
        batches = batches.map(
            lambda index: to_model_inputs(
                {key: tf.gather(column, index) for key, column in columns.items()}
            ),
            tf.data.AUTOTUNE,
        )
    else:
        examples = ordered(records).map(decode, tf.data.AUTOTUNE)
        batches = examples.batch(batch_size, drop_remainder)
        batches = batches.map(to_model_inputs, tf.data.AUTOTUNE)
    batches = batches.apply(
        tf.data.experimental.assert_cardinality(
            _count_batches(size, batch_size, start_step, repeat, drop_remainder)
        )
    )
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

    An epoch's elements are permuted block by block, each block by the
    permutation that (seed, epoch, block) gives. Unlike `Dataset.shuffle` this
    ignores TensorFlow's global seed and can start anywhere at once.

    Args:
        source: a finite dataset with a fixed order.
        size: its number of elements.
        seed: of the permutations.
        block_size: elements permuted together; None keeps the order of source.
        repeat: whether epochs follow each other without end.
        skip: number of elements to leave out at the start; whole epochs and
            whole blocks are left out without being permuted.

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


def _permute(block, *numbers):
    """Permutes the leading axis of a nest of tensors, as `numbers` say."""
    # One named algorithm, since the default one may vary with the device.
    alg = "philox"
    key = tf.zeros(2, tf.int64)
    for number in numbers:
        key = tf.random.experimental.stateless_fold_in(key, number, alg=alg)
    length = tf.shape(tf.nest.flatten(block)[0])[0]
    order = tf.random.experimental.stateless_shuffle(tf.range(length), key, alg=alg)
    return tf.nest.map_structure(lambda column: tf.gather(column, order), block)


def _read_records(builder, split):
    """Dataset of {"image": string, "segmentation": string}, in disk order."""
    import tensorflow_datasets as tfds

    keys = [key for key in _KEYS if key in builder.info.features]
    return builder.as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding(
            dict.fromkeys(keys, True),
            decoders={key: tfds.decode.SkipDecoding() for key in keys},
        ),
        read_config=tfds.ReadConfig(try_autocache=False, skip_prefetch=True),
        shuffle_files=False,
    )


def _read_all(examples, size):
    """All examples as {key: uint8 [N, S, S, C]} in the CPU's memory."""
    with tf.device("CPU:0"):
        return examples.batch(size).get_single_element()


def _count(builder, split, num_examples):
    """Number of examples to be used; refuses a split that TFDS cannot read."""
    try:
        count = builder.info.splits[split].num_examples
    except (AssertionError, KeyError, ValueError) as error:
        raise ValueError(f"split={split!r} cannot be read: {error}") from error
    if count == 0:
        raise ValueError(f"split={split!r} has no examples.")
    return count if num_examples is None else min(count, num_examples)


def _block_size(builder, split):
    """Number of examples whose records take about `_SHUFFLE_BYTES`."""
    # TFDS knows no size in bytes of a part of a split.
    whole = builder.info.splits[_split_name(split)]
    return max(1, _SHUFFLE_BYTES * whole.num_examples // max(1, whole.num_bytes))


def _count_batches(size, batch_size, start_step, repeat, drop_remainder):
    if repeat:
        return tf.data.INFINITE_CARDINALITY
    remaining = max(0, size - start_step * batch_size)
    full, rest = divmod(remaining, batch_size)
    return full + (rest > 0 and not drop_remainder)


def _options():
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return options


def _split_name(split):
    """The name in front of TFDS's notation: "train" for "train[:10%]"."""
    return re.split(r"[\[+]", str(split))[0]


def _check_split(spec, split):
    if _split_name(split) not in spec.splits:
        raise ValueError(
            f"Unknown split={split!r} of {spec.name}. Known: {', '.join(spec.splits)}."
        )


def _check_at_least(minimum, **arguments):
    for name, value in arguments.items():
        if value is not None and value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value}.")
