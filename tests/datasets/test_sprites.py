"""The sprites data set: its renderer, its recipes and its TFDS builder."""

import dataclasses
import hashlib
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from genesis_keras.data.preparation import import_builder
from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.metrics import (
    adjusted_rand_index,
    labels_from_masks,
    segmentation_covering,
)

sprites = import_builder("sprites")
Builder, SpritesConfig = sprites.Builder, sprites.SpritesConfig
rendering = sys.modules[f"{sprites.__name__}.rendering"]
textures = sys.modules[f"{sprites.__name__}.textures"]
module = sys.modules[Builder.__module__]

ROOT = pathlib.Path(__file__).parents[2]
CONFIGS = {config.name: config for config in Builder.BUILDER_CONFIGS}
SPLITS = list(module.SPLIT_IDS)


def draw_many(config, split, count=60):
    return [config.draw(split, index) for index in range(count)]


PLAIN = [name for name in CONFIGS if not CONFIGS[name].recipe.textures]


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("split", SPLITS)
def test_pixels_have_the_colour_of_their_label(name, split):
    config = CONFIGS[name]
    for image, labels in draw_many(config, split, 25):
        size = config.image_size
        assert image.shape == (size, size, 3) and image.dtype == np.uint8
        assert labels.shape == (size, size, 1) and labels.dtype == np.uint8
        objects = np.unique(labels)
        np.testing.assert_array_equal(objects, np.arange(len(objects)))
        colors = []
        for label in objects:
            pixels = image[labels[..., 0] == label]
            assert len(pixels) >= 10 * (size / 32) ** 2
            assert np.all(pixels == pixels[0])
            colors.append(tuple(pixels[0]))
        distinct = 2 if split == "identical_color" else len(objects)
        assert len(set(colors)) == distinct


@pytest.mark.parametrize("split", SPLITS)
def test_no_colour_belongs_to_one_textured_object(split):
    for image, labels in draw_many(CONFIGS["textured"], split, 25):
        colors = [
            {tuple(map(int, color)) for color in image[labels[..., 0] == label]}
            for label in np.unique(labels)
        ]
        seen = set.union(*colors)
        assert all(len(own) <= 2 for own in colors)
        if split == "identical_color":
            assert len(seen) <= 3 and len(set.union(*colors[1:])) == 2
            continue
        assert len(seen) <= len(colors)
        # Scenes in which every label shows both its colours: a ring of pairs.
        if all(len(own) == 2 for own in colors):
            for own, other in zip(colors, colors[1:] + colors[:1], strict=True):
                assert own & other


@pytest.mark.parametrize("name", rendering.TEXTURES)
def test_textures_share_the_area_equally_and_have_their_period(name):
    centres = (np.arange(512) + 0.5) / 512
    pattern = textures.draw_texture(
        np.random.default_rng(0), name, (1 / 16, 1 / 16), centres
    )
    assert pattern.shape == (512, 512) and pattern.dtype == bool
    assert pattern.mean() == pytest.approx(0.5, abs=0.03)
    # In the direction of its rows (angle 0) a texture repeats after a period.
    u, v = np.meshgrid(centres * 16, centres * 16)
    inside = rendering.TEXTURES[name](u, v, np.random.default_rng(0))
    same = np.mean(inside[:, 32:] == inside[:, :-32])  # 512 / 16 pixels
    half = np.mean(inside[:, 16:] == inside[:, :-16])
    assert half < 0.6
    assert same < 0.6 if name == "noise" else same == 1.0


def untrained_clusters(config, count=100):
    """ARI-FG and MSC-FG of the IC-SBP on 3 x RGB and 0.15 x coordinates."""
    scenes = draw_many(config, "test", count)
    images = np.stack([image for image, _ in scenes]) * np.float32(3 / 255)
    labels = np.stack([label for _, label in scenes]).astype(np.int32)
    axis = 0.15 * np.linspace(-1, 1, config.image_size, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    grid = np.broadcast_to(grid, (count, *grid.shape))
    embeddings = np.concatenate([images, grid], axis=-1)
    masks = InstanceColouring(num_slots=5, seed=0)(embeddings)["log_masks"]
    predicted = labels_from_masks(masks)
    return [
        float(np.mean(score(labels, predicted, foreground_only=True)))
        for score in (adjusted_rand_index, segmentation_covering)
    ]


def test_colour_solves_hard_but_not_textured():
    assert min(untrained_clusters(CONFIGS["hard"])) > 0.95
    ari, covering = untrained_clusters(CONFIGS["textured"])
    assert ari < 0.5 and covering < 0.4


@pytest.mark.parametrize("name", ["hard", "textured"])
def test_what_is_known_of_objects_is_in_the_picture(name):
    config = CONFIGS[name]
    for index in range(20):
        image, labels, known = config.draw_known("test", index)
        assert (image == config.draw("test", index)[0]).all()
        areas = np.bincount(labels.ravel(), minlength=7)[1:]
        np.testing.assert_array_equal(known["visible_pixels"], areas)
        count = labels.max()
        assert (known["shape"][:count] >= 0).all() and (
            known["shape"][count:] < 0
        ).all()
        for i in range(count):
            pixels = image[labels[..., 0] == i + 1] / 255
            own = np.unique(pixels, axis=0)
            if name == "hard" or len(own) == 2:
                np.testing.assert_allclose(
                    own.mean(axis=0), known["color"][i], atol=1e-6
                )


@pytest.mark.parametrize("shape", ["square", "disc"])
def test_shape_place_and_size_of_an_object(shape):
    recipe = rendering.Recipe(num_objects=(1, 1), more_objects=(1, 1), shapes=(shape,))
    for seed in range(5):
        rng = np.random.default_rng(seed)
        _, labels, (known,) = rendering.draw_known_scene(rng, recipe, 256)
        rows, columns, _ = np.nonzero(labels)
        centre = ((columns.mean() + 0.5) / 256, (rows.mean() + 0.5) / 256)
        np.testing.assert_allclose(known["position"], centre, atol=0.5 / 256)
        area = {"square": 1.8**2, "disc": np.pi}[shape] * known["size"] ** 2
        assert labels.mean() == pytest.approx(area, rel=0.03)
        assert list(rendering.SHAPES)[known["shape"]] == shape


def test_one_textured_object_differs_from_its_background():
    recipe = dataclasses.replace(CONFIGS["textured"].recipe, num_objects=(1, 1))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        image, labels = rendering.draw_scene(rng, recipe, 32)
        seen = [set(map(tuple, image[labels[..., 0] == i].tolist())) for i in (0, 1)]
        assert seen[1] - seen[0]


@pytest.mark.parametrize("name", CONFIGS)
def test_number_of_objects(name):
    config = CONFIGS[name]
    for split in SPLITS:
        counts = {int(labels.max()) for _, labels in draw_many(config, split)}
        low, high = config.recipe.num_objects
        if split == "more_objects":
            assert min(counts) > high
            low, high = config.recipe.more_objects
        assert counts == set(range(low, high + 1))


def test_easy_uses_the_palette_on_black():
    config = CONFIGS["easy"]
    seen = set()
    for image, labels in draw_many(config, "train"):
        assert not image[labels[..., 0] == 0].any()
        seen |= {tuple(map(int, color)) for color in image[labels[..., 0] > 0]}
    assert seen == set(config.recipe.palette)


def test_hard_keeps_colours_apart():
    config = CONFIGS["hard"]
    backgrounds = set()
    for image, labels in draw_many(config, "train"):
        means = [
            image[labels[..., 0] == label][0].astype(float)
            for label in np.unique(labels)
        ]
        backgrounds.add(tuple(means[0]))
        for i, first in enumerate(means):
            for second in means[:i]:
                distance = np.linalg.norm(first - second)
                assert distance >= config.recipe.min_color_distance
    assert len(backgrounds) == 60


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ("square", 1.8**2),
        ("disc", np.pi),
        ("triangle", 0.75 * np.sqrt(3) * 1.3**2),
        ("cross", 2 * 2.2 * 0.8 - 0.8**2),
        ("half_disc", np.pi * 1.3**2 / 2),
    ],
)
def test_shape_areas(shape, area):
    recipe = rendering.Recipe(
        num_objects=(1, 1),
        more_objects=(1, 1),
        shapes=(shape,),
        radius=(0.25, 0.25),
        aspect=(0.7, 0.7),
        rotate=True,
        margin=2.0,
    )
    _, labels = rendering.draw_scene(np.random.default_rng(0), recipe, 512)
    assert labels.mean() == pytest.approx(area * 0.25**2, rel=0.01)


def test_triangle_stands_on_its_base():
    recipe = dataclasses.replace(
        CONFIGS["easy"].recipe, num_objects=(1, 1), shapes=("triangle",)
    )
    _, labels = rendering.draw_scene(np.random.default_rng(0), recipe, 64)
    widths = labels[..., 0].sum(axis=1)
    widths = widths[widths > 0]
    assert np.all(np.diff(widths.astype(int)) >= 0) and widths[-1] > 2 * widths[0]


def test_little_of_an_easy_object_is_hidden():
    # An easy disc or square has more than 9 x 8 pixels, a triangle more still
    # than half of that.
    for _, labels in draw_many(CONFIGS["easy"], "more_objects"):
        assert np.bincount(labels.ravel())[1:].min() > 32


def test_an_image_depends_on_seed_split_and_index_only():
    config = CONFIGS["hard"]
    alone = config.draw("test", 7)
    after_others = draw_many(config, "test", 8)[7]
    np.testing.assert_array_equal(alone[0], after_others[0])
    np.testing.assert_array_equal(alone[1], after_others[1])
    other_seed = dataclasses.replace(config, seed=1).draw("test", 7)
    assert np.any(other_seed[0] != alone[0])


def test_splits_share_no_image():
    config = CONFIGS["easy"]
    images = [
        image.tobytes() for split in SPLITS for image, _ in draw_many(config, split)
    ]
    assert len(set(images)) == len(images)


def test_pinned_pixels():
    # Guards the data against silent changes: a new drawing needs a new VERSION.
    image, labels = CONFIGS["easy"].draw("train", 0)
    areas = np.bincount(labels.ravel()).tolist()
    colors = [image[labels[..., 0] == i][0].tolist() for i in range(len(areas))]
    assert (areas, colors) == (PINNED_AREAS, PINNED_COLORS)


@pytest.mark.parametrize("name", CONFIGS)
def test_pinned_bytes(name):
    digest = hashlib.sha256()
    for split in SPLITS:
        for index in range(5):
            for array in CONFIGS[name].draw(split, index):
                digest.update(array.tobytes())
    assert digest.hexdigest()[:16] == PINNED_BYTES[name]


PINNED_AREAS = [805, 74, 82, 63]
PINNED_COLORS = [[0, 0, 0], [255, 0, 255], [255, 0, 0], [255, 255, 0]]
PINNED_BYTES = {
    "easy": "9f2aa04f568ed92a",
    "hard": "21b5b726e319822a",
    "easy_64": "23f131c1b8650dc7",
    "hard_64": "af2e982047753cb1",
    "textured": "d54b9c7629f48b0b",
    "textured_64": "71c140501cb0f462",
}


def test_impossible_recipes_are_refused():
    easy = CONFIGS["easy"].recipe
    crowded = dataclasses.replace(easy, num_objects=(6, 6), radius=(0.3, 0.3))
    with pytest.raises(ValueError, match=r"num_objects=\(6, 6\)"):
        rendering.draw_scene(np.random.default_rng(0), crowded, 16)
    shrill = dataclasses.replace(easy, palette=None, min_color_distance=1000)
    with pytest.raises(ValueError, match="min_color_distance=1000"):
        rendering.draw_scene(np.random.default_rng(0), shrill, 16)
    with pytest.raises(ValueError, match="image_size .* 7"):
        rendering.draw_scene(np.random.default_rng(0), easy, 7)


@pytest.mark.parametrize(
    "change",
    [
        {"num_objects": (3, 2)},
        {"num_objects": (0, 2)},
        {"more_objects": (4, 7)},
        {"shapes": ("square", "blob")},
        {"shapes": ()},
        {"radius": (0.2, 0.1)},
        {"aspect": (0.5, 2.0)},
        {"margin": 9.0},
        {"textures": ("stripes", "fur")},
        {"texture_period": (0.0, 0.1)},
    ],
)
def test_bad_recipes_name_the_field(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(CONFIGS["easy"].recipe, **change)


@pytest.mark.parametrize("field", ["image_size", "seed", "num_train", "num_test"])
def test_bad_configs_name_the_field(field):
    with pytest.raises(ValueError, match=f"{field} .* -1"):
        dataclasses.replace(CONFIGS["easy"], **{field: -1})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A prepared builder of 11 + 3 + 4 * 3 scenes at 24x24."""
    config = SpritesConfig(
        name="tiny",
        version="1.0.0",
        recipe=module.HARD,
        image_size=24,
        seed=3,
        num_train=11,
        num_validation=2,
        num_test=3,
    )
    builder = Builder(config=config, data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return builder


def test_builder_writes_what_the_config_draws(tiny):
    sizes = {name: info.num_examples for name, info in tiny.info.splits.items()}
    assert sizes == {
        "train": 11,
        "validation": 2,
        "test": 3,
        "more_objects": 3,
        "identical_color": 3,
    }
    for split, size in sizes.items():
        stored = {
            (example["image"].tobytes(), example["segmentation"].tobytes())
            for example in tfds.as_numpy(tiny.as_dataset(split=split))
        }
        drawn = draw_many(tiny.builder_config, split, size)
        known = [tiny.builder_config.draw_known(split, i)[2] for i in range(size)]
        for name in known[0]:
            values = {v[name].tobytes() for v in known}
            examples = tfds.as_numpy(tiny.as_dataset(split=split))
            assert values == {example[name].tobytes() for example in examples}
        assert stored == {(a.tobytes(), b.tobytes()) for a, b in drawn}


def test_builder_describes_itself(tiny):
    assert tiny.info.features.shape == {
        "image": (24, 24, 3),
        "segmentation": (24, 24, 1),
        "shape": (6,),
        "color": (6, 3),
        "size": (6,),
        "position": (6, 2),
        "visible_pixels": (6,),
    }
    assert "exact label for every object" in tiny.info.description
    assert "genesis_keras" in tiny.info.citation
    assert list(Builder.builder_configs) == [
        *("easy", "hard", "easy_64", "hard_64"),
        *("textured", "textured_64"),
    ]
    assert Builder.default_builder_config.name == "easy"
    assert CONFIGS["easy"].num_images("train") == 20_000
    assert {CONFIGS["hard"].num_images(split) for split in SPLITS[1:]} == {1000}


def test_imports():
    # genesis_keras leaves TFDS and the builders alone; both names of the builders'
    # package give one builder.
    script = """
import sys
import genesis_keras.data
late = {"tensorflow_datasets", "datasets", "genesis_keras_datasets"}
assert not late & set(sys.modules), late & set(sys.modules)
import datasets
from genesis_keras.data.preparation import import_builder
twin = import_builder("sprites")
import genesis_keras_datasets.sprites.rendering as rendering
import tensorflow_datasets as tfds
assert twin.Builder is datasets.sprites.Builder is tfds.builder_cls("sprites")
assert rendering is datasets.sprites.rendering
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=120)
