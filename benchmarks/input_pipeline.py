"""Compares the speed of input pipelines with that of training.

    python -m datasets.dummy_data /tmp/dummy objects_room
    python benchmarks/input_pipeline.py --data_dir=/tmp/dummy/data \
        --records=/tmp/dummy/source/objects_room/objects_room_train.tfrecords \
        --datasets=sprites,objects_room

Times the input pipeline of each data set (shuffled, endless; from memory and from disk)
in turn with training steps of GENESIS-V2 at the data set's size, and the reader of the
multi-object files against the usual one. Processor times over all threads are measured,
which are largely independent of other load on the machine.
"""

import time

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from genesis_keras.data import get_spec, load
from genesis_keras.data.preparation import import_builder
from genesis_keras.models.genesis_v2 import GenesisV2

FLAGS = flags.FLAGS
flags.DEFINE_list("datasets", ["sprites"], "Names of the data sets.")
flags.DEFINE_string("data_dir", None, "Folder of the data.")
flags.DEFINE_integer("batch_size", 8, "Images a step.")
flags.DEFINE_integer("feature_dim", 64, "F of the model.")
flags.DEFINE_integer("batches", 50, "Batches in each measurement of a pipeline.")
flags.DEFINE_integer("rounds", 3, "Rounds of measurement.", lower_bound=1)
flags.DEFINE_string("records", None, "An objects_room_train.tfrecords file.")

_SHAPES = {"image": [64, 64, 3], "mask": [7, 64, 64, 1]}


def training_step(spec):
    """A function that trains a fresh model for one step on a random batch."""
    model = GenesisV2(
        spec.image_size, spec.num_slots, feature_dim=FLAGS.feature_dim, seed=0
    )
    model.compile(optimizer=keras.optimizers.Adam(1e-4, epsilon=1e-8))
    model.make_train_function()
    shape = [FLAGS.batch_size, spec.image_size, spec.image_size, 3]
    images = tf.random.stateless_uniform(shape, seed=[0, 1])
    batches = iter(tf.data.Dataset.from_tensors({"image": images}).repeat())

    def step():
        tf.nest.map_structure(np.asarray, model.train_function(batches))

    return step


def images_per_second(batches):
    """Images that an endless iterator of batches gives in a processor second."""
    start = time.process_time()
    count = sum(len(next(batches)["image"]) for _ in range(FLAGS.batches))
    return count / (time.process_time() - start)


def compare_pipelines(name):
    """Prints one line: rates of a pipeline, of training, and their ratio."""
    spec = get_spec(name)
    streams = {}
    for cache in (True, False):
        options = {"batch_size": FLAGS.batch_size, "data_dir": FLAGS.data_dir}
        data = load(name, "train", shuffle=True, repeat=True, cache=cache, **options)
        streams[cache] = data.as_numpy_iterator()
        next(streams[cache])
    step = training_step(spec)
    step()
    step()  # trace, compile, warm up
    rates = {True: [], False: [], "training": []}
    for _ in range(FLAGS.rounds):
        for cache, batches in streams.items():
            rates[cache].append(images_per_second(batches))
        start = time.process_time()
        step()
        rates["training"].append(FLAGS.batch_size / (time.process_time() - start))
    memory, disk, training = (np.median(values) for values in rates.values())
    print(
        f"{spec.name:32}{memory:12.0f}{disk:12.0f}{training:12.1f}"
        f"{memory / training:12.0f}{disk / training:12.0f}",
        flush=True,
    )


def read_naively(path):
    """Reads like the data sets' own reader: every byte is a string tensor."""
    features = {
        name: tf.io.FixedLenFeature(shape, tf.string) for name, shape in _SHAPES.items()
    }

    def decode(record):
        example = tf.io.parse_single_example(record, features)
        return {k: tf.io.decode_raw(v, tf.uint8)[..., 0] for k, v in example.items()}

    records = tf.data.TFRecordDataset(path, compression_type="GZIP")
    return records.map(decode).as_numpy_iterator()


def compare_readers(path):
    """Prints milliseconds a scene of both readers, and checks that bytes agree."""
    read_fast = import_builder("records").read_examples
    kinds = dict.fromkeys(_SHAPES, "bytes")
    readers = {
        "naive": lambda: list(read_naively(path)),
        "ours": lambda: list(read_fast(path, kinds, compressed=True)),
    }
    scenes = {name: reader() for name, reader in readers.items()}
    same = all(
        np.array_equal(a[key].ravel(), b[key])
        for a, b in zip(scenes["naive"], scenes["ours"], strict=True)
        for key in _SHAPES
    )
    seconds = {name: [] for name in readers}
    for _ in range(FLAGS.rounds):
        for name, reader in readers.items():
            start = time.process_time()
            reader()
            seconds[name].append(time.process_time() - start)
    count = len(scenes["ours"])
    naive, ours = (1e3 * np.median(values) / count for values in seconds.values())
    print(
        f"\nreading {count} scenes of {path}: naive {naive:.2f} ms a scene, ours "
        f"{ours:.2f} ms, {naive / ours:.1f} times as fast; the bytes are "
        f"{'the same' if same else 'DIFFERENT'}"
    )


def main(_):
    print(
        f"images per processor second, medians of {FLAGS.rounds}; "
        f"batches of {FLAGS.batch_size}"
    )
    columns = ("memory", "disk", "training", "mem/train", "disk/train")
    print(f"{'':32}" + "".join(f"{column:>12}" for column in columns), flush=True)
    for name in FLAGS.datasets:
        compare_pipelines(name)
    if FLAGS.records:
        compare_readers(FLAGS.records)


if __name__ == "__main__":
    app.run(main)
