"""Images, labels, factors and splits are those of the files, pixel by pixel."""

import itertools
import random
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from genesis_keras.data import get_spec, load
from genesis_keras.data.preparation import import_builder, prepare
from genesis_keras.data.registry import SPECS

MULTI_OBJECT = {
    "objects_room": {"default": "objects_room_train"},
    "multi_dsprites": {
        name: f"multi_dsprites_{name}"
        for name in ("binarized", "colored_on_grayscale", "colored_on_colored")
    },
    "tetrominoes": {"default": "tetrominoes_train"},
    "clevr_with_masks": {"default": "clevr_with_masks_train"},
}
FILES = [(name, *item) for name in MULTI_OBJECT for item in MULTI_OBJECT[name].items()]


def read(builder_name, split, data_dir):
    dataset = tfds.load(builder_name, split=split, data_dir=str(data_dir))
    return list(dataset.as_numpy_iterator())


def assert_same_scenes(examples, scenes):
    """Examples are scenes, in any order; TFDS orders by a hash of their keys."""
    assert len(examples) == len(scenes) > 0
    by_image = {scene["image"].tobytes(): scene for scene in scenes}
    assert len(by_image) == len(scenes)
    for example in examples:
        scene = by_image.pop(example["image"].tobytes())
        np.testing.assert_array_equal(example["segmentation"][..., 0], scene["labels"])
        assert example.keys() - {"segmentation"} == scene.keys() - {"labels"}
        for name in scene.keys() - {"labels"}:
            np.testing.assert_array_equal(example[name], scene[name])
            assert example[name].dtype == scene[name].dtype


@pytest.mark.parametrize(("name", "config", "file"), FILES)
def test_multi_object_scenes_and_splits(dummy, name, config, file):
    truth, _, data_dir = dummy(name)
    scenes = truth[f"{file}.tfrecords"]
    # The first scenes of the file, the next, the rest.
    for split, part in (("test", np.s_[:3]), ("validation", np.s_[3:5])):
        examples = read(f"{name}/{config}", split, data_dir)
        assert_same_scenes(examples, scenes[part])
    assert_same_scenes(read(f"{name}/{config}", "train", data_dir), scenes[5:])


@pytest.mark.parametrize("split", ["empty_room", "six_objects", "identical_color"])
def test_objects_room_other_test_splits(dummy, split):
    truth, _, data_dir = dummy("objects_room")
    scenes = truth[f"objects_room_test_{split}.tfrecords"]
    examples = read("objects_room", split, data_dir)
    assert_same_scenes(examples, scenes)
    if split == "empty_room":
        assert not any(example["segmentation"].any() for example in examples)
    if split == "six_objects":
        assert max(example["segmentation"].max() for example in examples) == 6


def test_the_authors_numbers():
    for name in MULTI_OBJECT:
        builder_class = import_builder(name).Builder
        for config in import_builder("dummy_data").file_configs(builder_class):
            assert config.num_test == config.num_validation == 10_000


@pytest.mark.parametrize("config", ["default", "blocks_all", "ccs_all"])
def test_shapestacks(dummy, config):
    truth, _, data_dir = dummy("shapestacks")
    names = {"train": "train", "validation": "eval", "test": "test"}
    for split, file in names.items():
        examples = read(f"shapestacks/{config}", split, data_dir)
        seen = {(e["scenario"].decode(), int(e["camera"])) for e in examples}
        scenarios = truth["splits"][config][file]
        assert seen == set(itertools.product(scenarios, (1, 2)))
        for example in examples:
            key = example["scenario"].decode(), int(example["camera"])
            image, labels = truth["frames"][key]
            np.testing.assert_array_equal(example["image"], image)
            np.testing.assert_array_equal(example["segmentation"][..., 0], labels)
            assert labels.max() >= 2


@pytest.mark.parametrize("variant", ["full", "vbg", "outd"])
def test_clevrtex(dummy, variant):
    truth, _, data_dir = dummy("clevrtex")
    scenes = truth[variant]
    parts = {"test": scenes[:2], "validation": scenes[2:4], "train": scenes[4:]}
    if variant == "outd":
        parts = {"test": scenes}
    for split, expected in parts.items():
        examples = read(f"clevrtex/{variant}", split, data_dir)
        assert len(examples) == len(expected)
        by_image = {scene["image"].tobytes(): scene for scene in expected}
        for example in examples:
            scene = by_image.pop(example["image"].tobytes())
            np.testing.assert_array_equal(
                example["segmentation"][..., 0], scene["labels"]
            )
            facts = scene["facts"]
            assert example["ground_material"].decode() == facts["ground_material"]
            objects = example["objects"]
            for name in ("shape", "material", "size", "color", "rotation"):
                known = [item[name] for item in facts["objects"]]
                if name == "rotation":
                    assert objects[name].tolist() == known
                elif name == "color" and variant != "vbg":
                    assert set(objects[name]) == {b""}
                else:
                    assert [text.decode() for text in objects[name]] == known


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda at: at("000007.png").unlink(), "lacks 1 scenes.*_000007.png"),
        (lambda at: at("000007_flat.png").unlink(), "_000007_flat.png is missing"),
        (lambda at: at("000007.json").unlink(), "_000007.json is missing"),
        (
            lambda at: at("000007.json").write_text("{}"),
            "_000007.json.*lacks 'objects'",
        ),
        (
            lambda at: at("000007.json").write_text("["),
            "_000007.json is no description",
        ),
        (
            lambda at: shutil.copy(at("000007.png"), at("000007.png").parent.parent),
            "scene 7 twice",
        ),
        (
            lambda at: shutil.copy(at("000006.png"), at("000007_flat.png")),
            "_000007_flat.png is no map of labels: .* 3 of up to",
        ),
        (
            lambda at: shutil.copy(at("000007_flat.png"), at("000007.png")),
            "_000007.png has 1 channels",
        ),
    ],
)
def test_damaged_clevrtex_names_the_file(dummy, tmp_path, damage, message):
    _, source, _ = dummy("clevrtex")
    folder = shutil.copytree(source / "clevrtex_camo", tmp_path / "clevrtex_camo")
    damage(lambda name: folder / "0" / f"CLEVRTEX_camo_{name}")
    with pytest.raises(ValueError, match=message):
        prepare(get_spec("clevrtex/camo"), tmp_path / "data", tmp_path)


def test_clevrtex_says_what_to_fetch(tmp_path):
    with pytest.raises(
        OSError, match="clevrtex_pbg is tens.*unpacked.*--manual_dir=DIR"
    ):
        load("clevrtex/pbg", "train", batch_size=1, data_dir=tmp_path)


def test_apc(dummy):
    truth, _, data_dir = dummy("apc")
    scenes = sorted(truth)
    random.seed(0)
    random.shuffle(scenes)
    parts = {"validation": scenes[:1], "test": scenes[1:2], "train": scenes[2:]}
    for split, expected in parts.items():
        examples = read("apc", split, data_dir)
        assert {e["scene"].decode() for e in examples} == set(expected)
        frames = [frame for scene in expected for frame in truth[scene].values()]
        assert len(examples) == len(frames)
        by_image = {image.tobytes(): labels for image, labels in frames}
        for example in examples:
            labels = by_image[example["image"].tobytes()]
            np.testing.assert_array_equal(example["segmentation"][..., 0], labels)
            empty = example["scene"].endswith(b"scene-empty")
            assert labels.any() != empty


def test_sketchy(dummy):
    truth, _, data_dir = dummy("sketchy")
    names = sorted(truth)
    parts = {"validation": names[:1], "test": names[1:2], "train": names[2:]}
    for split, expected in parts.items():
        examples = read("sketchy", split, data_dir)
        keys = {(e["episode"].decode(), e["step"], e["camera"]) for e in examples}
        assert keys == set(itertools.product(expected, (0, 1), (0, 1)))
        assert "segmentation" not in examples[0]
        for example in examples:
            step = truth[example["episode"].decode()][example["step"]]
            jpeg = step[("left", "right")[example["camera"]]]
            np.testing.assert_array_equal(example["image"], tf.io.decode_jpeg(jpeg))


def test_sketchy_crops(dummy):
    truth, _, data_dir = dummy("sketchy")
    batches = load("sketchy", "validation", batch_size=4, data_dir=data_dir)
    images = np.concatenate([b["image"] for b in batches.as_numpy_iterator()])
    assert images.shape == (28, 128, 128, 3)  # 2 steps, 2 cameras, 7 crops
    expected = []
    for step in truth[min(truth)]:
        for camera, rows in (("left", np.s_[71:-81]), ("right", np.s_[91:-61])):
            view = tf.io.decode_jpeg(step[camera]).numpy()[rows, 144:-144]
            assert view.shape == (448, 672, 3)
            squares = [view[:, 112:-112]]
            for vertical in (np.s_[:352], np.s_[96:]):
                for horizontal in (np.s_[:352], np.s_[160:512], np.s_[320:]):
                    squares.append(view[vertical, horizontal])
            for square in squares:
                assert square.shape[0] == square.shape[1] in (448, 352)
                resized = tf.image.resize(square, (128, 128))
                expected.append(np.round(resized).astype(np.uint8).tobytes())
    found = [np.round(image * 255).astype(np.uint8).tobytes() for image in images]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    "name",
    [n for n, s in SPECS.items() if s.builder != "folder" and not s.generated],
)
def test_specs_fit_the_data(dummy, name):
    spec = SPECS[name]
    _, _, data_dir = dummy(spec.builder)
    for split in spec.splits:
        batch = next(iter(load(name, split, batch_size=2, data_dir=data_dir)))
        side = spec.image_size
        assert batch["image"].shape == (2, side, side, 3)
        assert ("segmentation" in batch) == spec.labelled
        assert 0 <= tf.reduce_min(batch["image"]) < tf.reduce_max(batch["image"]) <= 1
    assert get_spec(spec.builder).builder == spec.builder


def test_shapestacks_is_cropped_like_the_authors(dummy):
    truth, _, data_dir = dummy("shapestacks")
    batch = next(iter(load("shapestacks", "test", batch_size=4, data_dir=data_dir)))
    labels = {
        tf.image.resize(labels[14:210, 14:210, None], (64, 64), "nearest")
        .numpy()
        .tobytes()
        for _, labels in truth["frames"].values()
    }
    for segmentation in batch["segmentation"].numpy().astype(np.uint8):
        assert segmentation.tobytes() in labels
