"""Dummy files of Sketchy.

The format: four tar archives, compressed with bzip2, each with a folder of episode
files without a suffix. An episode is a TFRecord file, not compressed, of
`tf.train.Example`s, one for each time step. `pixels/basket_front_left` and
`pixels/basket_front_right` are bytes lists of one element, a JPEG of 600x960; there are
many other features.
"""

import io
import pathlib
import tarfile
import tempfile

import numpy as np
import tensorflow as tf

from .drawing import encode, paint_discs, random_colour

_TASKS = ("lift_green", "stack_green_on_red")
_EPISODES, _STEPS = 3, 2  # in each archive, in each episode
_SIZE = (600, 960)


def write_sketchy(name: str, folder) -> dict:
    """Writes the dummy files.

    Args:
        name: Name of the data set, unused.
        folder: Output folder.

    Returns:
        Episode file's name -> list of steps, "left" and "right" -> JPEG bytes.
    """
    del name
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    episodes = {}
    for task in _TASKS:
        for part in range(2):
            archive = f"{task}__demos-{part:05d}-of-00002"
            with tarfile.open(folder / f"{archive}.tar.bz2", "w:bz2") as tar:
                for _ in range(_EPISODES):
                    rng = np.random.default_rng([len(episodes)])
                    episode = f"{rng.integers(10**12):012d}"
                    steps = [_step(rng) for _ in range(_STEPS)]
                    episodes[episode] = steps
                    content = _tfrecord(steps)
                    member = tarfile.TarInfo(f"{archive}/{episode}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return episodes


def _step(rng):
    """Returns the views of both cameras: three blocks in a grey basket."""
    views = {}
    for camera in ("left", "right"):
        image = np.full((*_SIZE, 3), 90, np.uint8)
        image[91:520, 144:816] = random_colour(rng) // 3 + 100
        paint_discs(rng, image, np.zeros(_SIZE, np.int64), (1, 2, 3), (40, 80))
        views[camera] = encode(image, "JPEG", quality=60)
    return views


def _tfrecord(steps):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "episode"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for step in steps:
                features = {
                    f"pixels/basket_front_{camera}": tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[image])
                    )
                    for camera, image in step.items()
                }
                features["actions"] = tf.train.Feature(
                    float_list=tf.train.FloatList(value=np.zeros(7))
                )
                features["step"] = tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[3])
                )
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
        return path.read_bytes()
