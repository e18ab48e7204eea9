"""Rendered rooms and stacks; tests that render need MuJoCo and EGL."""

import dataclasses
import importlib
import itertools
import math
import pathlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from genesis_keras.data.preparation import import_builder
from genesis_keras.data.registry import get_spec

pytest.importorskip("mujoco", reason="MuJoCo is in the extra `render`")
import_builder("objects_room")
RENDERED = sys.modules[import_builder("objects_room").__name__.rpartition(".")[0]]


def module(name):
    return importlib.import_module(f"{RENDERED.__name__}.rendered.{name}")


probe, drawing, workers = module("probe"), module("drawing"), module("workers")
materials = module("materials")
rooms, scenes, config = module("rooms"), module("scenes"), module("rendered_config")
_TEXTURED_SIX = {
    **dataclasses.asdict(rooms.ROOM_RECIPES["six_objects"]),
    "textured": True,
}


@pytest.fixture(scope="session")
def graphics():
    """Skips tests if rendering is not possible."""
    try:
        probe.check("a test")
    except ValueError as error:
        pytest.skip(str(error))


def job(kind, split, **changes):
    recipe = dataclasses.asdict(drawing.RECIPES[kind][split])
    settings = {"kind": kind, "recipe": recipe, "split_id": 0, "seed": 0}
    return {**settings, "image_size": 64, **changes}


@pytest.fixture
def draw(graphics, tmp_path_factory):
    """Function that draws scenes of a split, as a worker does it."""

    def scenes_of(kind, split, number, num_processes=1, **changes):
        folder = tmp_path_factory.mktemp("cache")
        arguments = job(kind, split, **changes)
        parts = workers.chunks(arguments, number, num_processes, folder)
        return list(parts)

    return scenes_of


def test_camera_looks_where_it_says():
    camera = scenes.Camera((0.0, 0.0, 1.0), azimuth=0.7, elevation=-0.3)
    w, x, y, z = camera.rotation()
    # Third column of the rotation matrix: the camera's own z axis.
    axis = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
    looking = [math.cos(-0.3) * math.cos(0.7), math.cos(-0.3) * math.sin(0.7)]
    np.testing.assert_allclose(axis, [-looking[0], -looking[1], math.sin(0.3)])
    level = 2 * (x * y + w * z), 2 * (x * z - w * y)  # of its x axis: y and z
    assert level[1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("split", rooms.ROOM_RECIPES)
def test_objects_of_rooms_keep_apart_and_inside(split):
    recipe = rooms.ROOM_RECIPES[split]
    counts = set()
    for seed in range(30):
        room = rooms.draw_room(np.random.default_rng(seed), recipe)
        places = [item.position[:2] for item in room.objects]
        counts.add(len(places))
        assert all(max(map(abs, place)) < rooms.ROOM_SIDE / 2 for place in places)
        for i, place in enumerate(places):
            assert all(math.dist(place, other) > 0.6 for other in places[:i])
        if recipe.identical_color:
            assert len({item.color for item in room.objects}) == 1
    assert counts == set(range(recipe.num_objects[0], recipe.num_objects[1] + 1))


@pytest.mark.parametrize("split", rooms.ROOM_RECIPES)
def test_no_colour_belongs_to_one_thing_in_a_textured_room(split):
    recipe = rooms.ROOM_RECIPES[split]
    textured = dataclasses.replace(recipe, textured=True)
    for seed in range(10):
        plain = rooms.draw_room(np.random.default_rng(seed), recipe)
        room = rooms.draw_room(np.random.default_rng(seed), textured)
        # Materials change nothing else.
        assert room.camera == plain.camera and len(room.objects) == len(plain.objects)
        names = [room.floor_material, room.wall_material]
        names += [item.material for item in room.objects]
        assert set(names) <= set(materials.material_names())
        pairs = [set(map(int, name.split("_")[1:])) for name in names]
        assert all(own & after for own, after in itertools.pairwise(pairs))
        if recipe.identical_color:
            assert len(set(map(frozenset, pairs[2:]))) == 1
        elif room.objects:
            assert pairs[-1] & pairs[0] and len(set.union(*pairs)) == len(pairs)


def test_materials_are_two_colours_in_equal_shares():
    rgb = materials.colors()
    assert len(np.unique(rgb, axis=0)) == materials.NUM_HUES
    for name, texture in zip(
        materials.material_names(), materials.make_materials(), strict=True
    ):
        pair = [int(hue) for hue in name.split("_")[1:]]
        first = np.all(texture == rgb[pair[0]], axis=-1)
        second = np.all(texture == rgb[pair[1]], axis=-1)
        assert np.all(first ^ second)
        assert first.mean() == pytest.approx(0.5, abs=0.02)


def test_a_textured_object_shows_its_colours(draw):
    (scene,) = draw("rooms", "six_objects", 2, recipe=_TEXTURED_SIX)
    for image, labels, color in zip(
        scene["image"], scene["segmentation"], scene["color"], strict=True
    ):
        largest = np.bincount(labels.ravel())[1:].argmax()
        pixels = image[labels[..., 0] == largest + 1].astype(float)
        hue = pixels.mean(axis=0) / pixels.mean()
        np.testing.assert_allclose(
            hue, color[largest] / color[largest].mean(), atol=0.4
        )
        # Two colours: much more varied than shading alone makes it.
        assert (pixels / pixels.sum(axis=1, keepdims=True)).std(axis=0).max() > 0.1


@pytest.mark.parametrize("kind", drawing.RECIPES)
def test_any_process_draws_the_same_scenes(kind, draw, monkeypatch):
    (whole,) = draw(kind, "train", 8)
    monkeypatch.setattr(workers, "CHUNK", 3)
    parts = draw(kind, "train", 8, num_processes=2)
    assert [len(part["image"]) for part in parts] == [3, 3, 2]
    for name, values in whole.items():
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(values, joined)
        assert values.dtype == joined.dtype
    assert len(np.unique(whole["image"][0])) > 20
    (other,) = draw(kind, "train", 1, seed=1)
    assert np.any(other["image"] != whole["image"][:1])


def test_finished_chunks_are_not_drawn_again(graphics, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "CHUNK", 2)
    first = next(workers.chunks(job("rooms", "train"), 4, 1, tmp_path))
    monkeypatch.setattr(workers, "_PROGRAM", "raise SystemExit('nobody draws')")
    again = workers.chunks(job("rooms", "train"), 4, 1, tmp_path)
    np.testing.assert_array_equal(next(again)["image"], first["image"])
    with pytest.raises(RuntimeError, match="status 1: nobody draws"):
        list(again)


@pytest.mark.parametrize("kind", drawing.RECIPES)
def test_labels_and_factors_agree_with_the_picture(kind, draw):
    (scene,) = draw(kind, "six_objects", 4)
    for labels, pixels, shape in zip(
        scene["segmentation"], scene["visible_pixels"], scene["shape"], strict=True
    ):
        assert np.all(shape >= 0) and np.all(pixels >= 10)
        np.testing.assert_array_equal(np.bincount(labels.ravel())[1:], pixels)
    empty = {"rooms": "empty_room", "stacks": "single_object"}[kind]
    (scene,) = draw(kind, empty, 2)
    count = {"rooms": 0, "stacks": 1}[kind]
    assert np.all((scene["shape"] >= 0).sum(axis=1) == count)
    assert np.all(scene["segmentation"] <= count)


_DRAW_A_BALL = """
import sys, pickle
sys.path.insert(0, sys.argv[1])
from rendered.room_renderer import RoomRenderer
from rendered.rooms import Room
from rendered.scenes import Camera, SceneObject
ball = SceneObject("sphere", (1.0, 0.0, 0.0), (0.25,) * 3, (2.0, 0.5, 0.6))
camera = Camera((0.0, 0.0, 0.6), azimuth=0.0, elevation=0.0)
room = Room((ball,), camera, floor=(0, 0, 1), wall=(0, 1, 0), light=(1, 1, 4))
pickle.dump(RoomRenderer(64).render(room), sys.stdout.buffer)
"""


def test_an_object_is_drawn_in_its_colour_where_it_stands(graphics):
    """A red ball two metres ahead, half a metre to the left."""
    folder = pathlib.Path(workers.__file__).parent.parent
    program = [sys.executable, "-c", _DRAW_A_BALL, str(folder)]
    result = subprocess.run(program, capture_output=True, check=True)
    image, labels = pickle.loads(result.stdout)
    rows, columns = np.nonzero(labels[..., 0])
    # Pinhole camera: half the picture is tan(22.5 degrees) at distance 1.
    column = 32 - 32 * (0.5 / 2.0) / math.tan(math.radians(22.5))
    assert abs(columns.mean() - column) < 1.0 and abs(rows.mean() - 31.5) < 1.0
    colour = image[labels[..., 0] == 1].mean(axis=0)
    assert colour[0] > 80 and colour[0] > 4 * max(colour[1:])


def test_a_stack_that_falls_is_not_kept():
    settle = module("physics").settle
    box = scenes.SceneObject("box", (1, 0, 0), (0.2, 0.2, 0.1), (0.0, 0.0, 0.101))
    above = dataclasses.replace(box, position=(0.1, 0.0, 0.302))
    standing = settle((box, above))
    assert standing is not None
    np.testing.assert_allclose(standing[1].position, above.position, atol=0.01)
    beside = dataclasses.replace(box, position=(0.25, 0.0, 0.302))
    assert settle((box, beside)) is None


@pytest.mark.parametrize(
    ("program", "seconds", "message"),
    [
        (
            "raise ImportError(\"No module named 'mujoco'\")",
            60,
            r"pip install .*render",
        ),
        ("raise SystemExit('no EGL')", 60, "apt install libegl1.*no EGL"),
        ("import os; os.abort()", 60, "ended without a word"),
        ("import time; time.sleep(60)", 0.5, "did not answer in 0.5 s"),
    ],
)
def test_what_is_missing_is_said_in_one_message(program, seconds, message):
    with pytest.raises(ValueError, match=f"rooms.*{message}"):
        probe.check("rooms", program, seconds)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MUJOCO_GL": "glfw"}, r"here: MUJOCO_GL='glfw' is set .*; unset it, .*apt"),
        ({"MUJOCO_GL": "EGL"}, "here: drawing without a screen needs EGL"),
        (
            {"MUJOCO_GL": "egl", "MUJOCO_EGL_DEVICE_ID": "7"},
            "here: MUJOCO_EGL_DEVICE_ID='7' is set",
        ),
        (
            {"MUJOCO_GL": "osmesa", "PYOPENGL_PLATFORM": "osmesa"},
            "MUJOCO_GL='osmesa' and PYOPENGL_PLATFORM='osmesa' are set .* unset them",
        ),
    ],
)
def test_variables_that_choose_another_library_come_first(
    monkeypatch, variables, message
):
    for name in ("MUJOCO_GL", "MUJOCO_EGL_DEVICE_ID", "PYOPENGL_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        probe.check("rooms", "raise SystemExit('gone')")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "seas"},
        {"image_size": 8},
        {"num_objects": (3, 7)},
        {"num_test": 0},
        {"textured": True, "kind": "stacks"},
    ],
)
def test_configurations_out_of_range(changes):
    name, value = next(iter(changes.items()))
    settings = {"name": "mine", "version": "1.0.0", "kind": "rooms", **changes}
    with pytest.raises(ValueError, match=f"{name} must .*{re.escape(str(value))}"):
        config.RenderedConfig(**settings)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("objects_room/rendered", 64),
        ("objects_room/textured", 64),
        ("shapestacks/rendered", 224),
    ],
)
def test_specs_fit_the_data(name, size):
    spec = get_spec(name)
    rendered = import_builder(spec.builder).Builder.builder_configs[spec.config]
    assert spec.splits == tuple(drawing.RECIPES[rendered.kind])
    assert rendered.features()["image"].shape == (size, size, 3)
    assert spec.num_slots > drawing.MAX_OBJECTS and spec.generated


@pytest.mark.slow
def test_builder_makes_all_splits(graphics, tmp_path):
    builder = import_builder("objects_room").Builder(
        config=config.RenderedConfig(
            name="tiny",
            version="1.0.0",
            kind="rooms",
            image_size=32,
            num_train=6,
            num_validation=3,
            num_test=3,
            num_objects=(2, 2),
            num_processes=1,
        ),
        data_dir=tmp_path,
    )
    builder.download_and_prepare()
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert counts == {"train": 6, **dict.fromkeys(list(rooms.ROOM_RECIPES)[1:], 3)}
    for example in builder.as_dataset("train").as_numpy_iterator():
        assert (example["shape"] >= 0).sum() == 2
        assert set(np.unique(example["segmentation"])) <= {0, 1, 2}
    assert not list(tmp_path.rglob("*.npz"))  # unfinished work is cleared away
