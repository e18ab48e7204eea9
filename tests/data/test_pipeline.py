"""The input pipeline: order, resumption, preprocessing and errors."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.data import DatasetSpec, get_spec, load, pipeline, preprocessing
from genesis_keras.data.preparation import import_builder
from genesis_keras.data.registry import SPECS

NUM_TRAIN = 23


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Folder with sprites/easy, made small."""
    folder = str(tmp_path_factory.mktemp("tfds"))
    config = import_builder("sprites").Builder.BUILDER_CONFIGS[0]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("train", NUM_TRAIN), ("validation", 3), ("test", 5)):
            patch.setattr(config, f"num_{name}", value)
        load("sprites", "train", batch_size=1, data_dir=folder)
        yield folder


@pytest.fixture
def train(data_dir):
    """`load` of the small training split with an endless shuffled default."""

    def loader(**arguments):
        defaults = {"batch_size": 4, "shuffle": True, "repeat": True}
        return load("sprites", "train", data_dir=data_dir, **(defaults | arguments))

    return loader


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def assert_equal_batches(first, second):
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def image_ids(batches):
    return [image.tobytes() for batch in batches for image in batch["image"]]


def test_batches_are_floats_in_the_unit_interval_and_integer_labels(train):
    batch = take(train(), 1)[0]
    assert batch["image"].shape == (4, 32, 32, 3)
    assert batch["image"].dtype == np.float32
    assert batch["image"].min() == 0.0 and batch["image"].max() == 1.0
    assert batch["segmentation"].shape == (4, 32, 32, 1)
    assert batch["segmentation"].dtype == np.int32
    assert set(np.unique(batch["segmentation"])) <= {0, 1, 2, 3}
    # Only the background is black.
    np.testing.assert_array_equal(
        batch["image"].max(axis=-1, keepdims=True) > 0, batch["segmentation"] > 0
    )


def test_an_epoch_holds_each_example_once(train):
    ordered = image_ids(take(train(shuffle=False, repeat=False), None))
    shuffled = image_ids(take(train(repeat=False), None))
    assert len(set(ordered)) == NUM_TRAIN
    assert sorted(ordered) == sorted(shuffled) and ordered != shuffled


def test_epochs_differ_and_batches_run_across_their_border(train):
    ids = image_ids(take(train(batch_size=5), 14))
    epochs = [ids[i * NUM_TRAIN : (i + 1) * NUM_TRAIN] for i in range(3)]
    assert all(len(set(epoch)) == NUM_TRAIN for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_order_depends_on_the_seed_alone(train):
    tf.random.set_seed(1)
    first = take(train(seed=5), 8)
    tf.random.set_seed(2)
    assert_equal_batches(first, take(train(seed=5), 8))
    assert_equal_batches(first, take(train(seed=5, cache=False), 8))
    assert image_ids(first) == image_ids(take(train(seed=5, batch_size=8), 4))
    assert image_ids(first) != image_ids(take(train(seed=6), 8))


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("shuffle", [True, False])
def test_resumption_continues_bit_for_bit(train, cache, shuffle, monkeypatch):
    # Blocks of a few records, so that skipping inside and between blocks counts.
    monkeypatch.setattr(pipeline, "_SHUFFLE_BYTES", 2500)
    whole = take(train(cache=cache, shuffle=shuffle), 20)
    for start in (1, 5, 6, 17):
        rest = train(cache=cache, shuffle=shuffle, start_step=start)
        assert_equal_batches(whole[start:], take(rest, 20 - start))


def test_resumption_within_a_single_epoch(train):
    whole = take(train(repeat=False), None)
    assert [len(batch["image"]) for batch in whole] == [4] * 5 + [3]
    assert_equal_batches(whole[4:], take(train(repeat=False, start_step=4), None))
    assert take(train(repeat=False, start_step=6), None) == []


def test_blocks_are_permuted_each_in_its_own_way():
    source = tf.data.Dataset.range(30)
    ordered = pipeline.order_examples(
        source, 30, seed=0, block_size=10, repeat=False, skip=0
    )
    blocks = np.reshape(list(ordered.as_numpy_iterator()), (3, 10))
    for index, block in enumerate(blocks):
        np.testing.assert_array_equal(np.sort(block), np.arange(10) + 10 * index)
    assert len({tuple(block % 10) for block in blocks}) == 3


def test_permutations_are_uniform():
    source = tf.data.Dataset.range(3)
    ordered = pipeline.order_examples(
        source, 3, seed=0, block_size=3, repeat=True, skip=0
    ).batch(3)
    counts = {}
    for order in ordered.take(600).as_numpy_iterator():
        counts[tuple(order)] = counts.get(tuple(order), 0) + 1
    # Binomial(600, 1/6): mean 100, standard deviation 9.1.
    assert len(counts) == 6 and all(60 < count < 140 for count in counts.values())


def test_cardinality_and_static_shape(train):
    assert train().cardinality() == tf.data.INFINITE_CARDINALITY
    assert train().element_spec["image"].shape == (4, 32, 32, 3)
    assert train(repeat=False).cardinality() == 6
    assert train(repeat=False, drop_remainder=True).cardinality() == 5
    assert train(repeat=False, start_step=2).cardinality() == 4
    assert len(take(train(repeat=False, drop_remainder=True), None)) == 5


def test_num_examples_takes_the_first_on_disk(train):
    arguments = {"shuffle": False, "repeat": False, "batch_size": 1}
    ordered = image_ids(take(train(**arguments), None))
    assert image_ids(take(train(num_examples=7, **arguments), None)) == ordered[:7]
    assert image_ids(take(train(num_examples=99, **arguments), None)) == ordered
    some = image_ids(take(train(num_examples=7, repeat=False), None))
    assert sorted(some) == sorted(ordered[:7])


def test_parts_of_a_split(data_dir):
    arguments = {"batch_size": 8, "data_dir": data_dir, "shuffle": True}
    part = load("sprites", "train[:5]+test", **arguments)
    assert len(image_ids(take(part, None))) == 10


@pytest.mark.parametrize("cache", [True, False])
def test_image_size(train, cache):
    arguments = {"shuffle": False, "repeat": False, "batch_size": NUM_TRAIN}
    source = take(train(**arguments), 1)[0]
    large = take(train(image_size=64, cache=cache, **arguments), 1)[0]
    assert large["image"].shape == (NUM_TRAIN, 64, 64, 3)
    doubled = source["segmentation"].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(large["segmentation"], doubled)


def test_labels_are_resized_by_nearest_neighbour():
    labels = tf.constant([[0, 7], [200, 3]], tf.uint8)[..., None]
    resized = preprocessing.resize_labels(labels, 6)[..., 0].numpy()
    np.testing.assert_array_equal(resized, np.kron([[0, 7], [200, 3]], np.ones((3, 3))))
    assert resized.dtype == np.uint8


def test_images_are_resized_bilinearly():
    image = tf.constant([[0, 100], [200, 40]], tf.uint8)[..., None]
    # Pixel centres at 1/4 and 3/4 of the way: weights 1, 3/4, 1/4, 0.
    weights = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    expected = weights @ np.array([[0, 100], [200, 40]]) @ weights.T
    resized = preprocessing.resize_image(image, 4)[..., 0].numpy()
    np.testing.assert_array_equal(resized, np.round(expected).astype(np.uint8))
    exact = preprocessing.resize_image(tf.cast(image, tf.float32), 4)[..., 0]
    np.testing.assert_allclose(exact, expected, rtol=1e-6)


def test_crops():
    image = np.arange(6 * 9).reshape(6, 9, 1)
    np.testing.assert_array_equal(preprocessing.centre_crop(image), image[:, 1:7])
    np.testing.assert_array_equal(preprocessing.centre_crop(image, 4), image[1:5, 2:6])
    example = {"image": tf.cast(image, tf.uint8)}
    cropped = preprocessing.crop_and_resize(example, 3, crop=(1, 4, 3, 3))
    np.testing.assert_array_equal(cropped["image"], image[1:4, 4:7])
    assert cropped.keys() == {"image"}
    with pytest.raises(ValueError, match="crop=7"):
        preprocessing.centre_crop(tf.constant(image), 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("image_size", 0),
        ("num_examples", 0),
        ("start_step", -1),
        ("seed", -3),
    ],
)
def test_numbers_out_of_range(train, name, value):
    with pytest.raises(ValueError, match=f"{name} must be .* got {value}"):
        train(**{name: value})


@pytest.mark.parametrize("name", ["spritez", "", "spritez/easy"])
def test_unknown_dataset(name):
    with pytest.raises(ValueError, match=f"dataset='{name}'.*sprites/easy"):
        load(name, "train", batch_size=1)


def test_unknown_config_and_split(data_dir):
    with pytest.raises(ValueError, match="dataset='sprites/huge'.*sprites/hard"):
        load("sprites/huge", "train", batch_size=1)
    with pytest.raises(ValueError, match="split='dev'.*more_objects"):
        load("sprites", "dev", batch_size=1)
    for part in ("train[:banana]", "train[:0]"):
        with pytest.raises(ValueError, match="split='train"):
            load("sprites", part, batch_size=1, data_dir=data_dir)


def test_unusable_data_dir(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "below"
    with pytest.raises(OSError, match=f"data_dir='{folder}'"):
        load("sprites", "train", batch_size=1, data_dir=folder)


def test_failure_while_writing_names_the_folder(tmp_path, monkeypatch):
    builder_cls = import_builder("sprites").Builder

    def fail(self, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(builder_cls, "download_and_prepare", fail)
    with pytest.raises(OSError, match=f"data_dir='{tmp_path}'.*No space left"):
        load("sprites", "train", batch_size=1, data_dir=tmp_path)


def test_notice_on_first_use_only(tmp_path, monkeypatch, capfd):
    config = import_builder("sprites").Builder.BUILDER_CONFIGS[1]
    for name in ("train", "validation", "test"):
        monkeypatch.setattr(config, f"num_{name}", 1)
    for _ in range(2):
        load("sprites/hard", "test", batch_size=1, data_dir=tmp_path)
    captured = capfd.readouterr()
    assert captured.out == ""
    notices = [line for line in captured.err.splitlines() if "sprites" in line]
    assert len(notices) == 1
    assert f"{tmp_path}/sprites/hard" in notices[0] and "MB" in notices[0]


def test_every_spec_matches_its_builder():
    for name, spec in SPECS.items():
        assert isinstance(spec, DatasetSpec) and spec.name == name
        if spec.builder != "sprites":
            continue  # see tests/datasets/test_contents.py
        config = import_builder(spec.builder).Builder.builder_configs[spec.config]
        assert spec.image_size == config.image_size
        assert spec.num_slots == config.recipe.num_objects[1] + 1
        assert all(config.num_images(split) for split in spec.splits)
    assert get_spec("sprites") is SPECS["sprites/easy"]


@pytest.mark.slow
def test_two_processes_may_ask_for_new_data_at_once(tmp_path):
    script = (
        "from genesis_keras.data.pipeline import load\n"
        f"data = load('sprites', 'test', batch_size=2, data_dir={str(tmp_path)!r})\n"
        "print(next(iter(data))['image'].shape)\n"
    )
    command = [sys.executable, "-c", script]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        assert "(2, 32, 32, 3)" in output
