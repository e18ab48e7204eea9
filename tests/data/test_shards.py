"""The concatenated shards of a batch are that batch."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from genesis_keras.data import load
from genesis_keras.data.pipeline import take_shard

NUM_TRAIN = 22


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures that all differ; 22 are for training."""
    folder = tmp_path_factory.mktemp("pictures")
    for split, count in (("train", NUM_TRAIN), ("validation", 1), ("test", 1)):
        (folder / split).mkdir()
        for index in range(count):
            pixels = np.full((8, 8, 3), index * 10, np.uint8)
            Image.fromarray(pixels).save(folder / split / f"{index:02d}.png")
    return folder


def read(folder, steps=None, **arguments):
    arguments = {"batch_size": 6, "image_size": 8, "shuffle": True} | arguments
    batches = load("folder", "train", data_dir=folder, **arguments)
    found = [
        np.round(batch["image"][:, 0, 0, 0] * 25.5).astype(int).tolist()
        for batch in batches.take(steps or -1).as_numpy_iterator()
    ]
    if steps is None:
        assert batches.cardinality() == len(found)
    return found


@pytest.mark.parametrize("num_shards", [1, 2, 3, 6])
def test_shards_are_parts_of_each_batch(num_shards):
    size = 6 // num_shards
    for shard in range(num_shards):
        numbers = take_shard(tf.data.Dataset.range(22), 6, shard, num_shards)
        expected = [
            i for i in range(22) if i % 6 in range(shard * size, (shard + 1) * size)
        ]
        assert list(numbers.as_numpy_iterator()) == expected


@pytest.mark.parametrize("cache", [True, False])
def test_union_is_the_global_order(folder, cache):
    arguments = {"repeat": True, "cache": cache, "start_step": 2}
    whole = read(folder, 9, **arguments)
    shards = [read(folder, 9, shard=i, num_shards=2, **arguments) for i in range(2)]
    assert [sum(parts, []) for parts in zip(*shards, strict=True)] == whole


def test_last_batch(folder):
    # 22 examples in batches of 6: the last has 4, one whole part of 3 and one of 1.
    shards = [read(folder, shard=i, num_shards=2) for i in range(2)]
    assert [list(map(len, shard)) for shard in shards] == [[3, 3, 3, 3], [3, 3, 3, 1]]
    assert [sum(parts, []) for parts in zip(*shards, strict=True)] == read(folder)
    last = read(folder, shard=5, num_shards=6)
    assert len(last) == 3  # no part of the last batch is left for it
    first = read(folder, shard=0, num_shards=6, drop_remainder=True)
    assert len(first) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_shards": 4}, "num_shards must divide batch_size=6, got 4"),
        ({"num_shards": 0}, "num_shards must be at least 1, got 0"),
        ({"num_shards": 2, "shard": 2}, "shard must be from 0 to .* got 2"),
        ({"shard": -1}, "shard must be from 0 to .* got -1"),
    ],
)
def test_shards_out_of_range(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        read(folder, **arguments)
