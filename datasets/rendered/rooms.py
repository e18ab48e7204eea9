"""Sampling of rooms like those of ObjectsRoom, independent of the renderer."""

import dataclasses
import math

import numpy as np

from .materials import NUM_HUES, PATTERNS, material_name, mean_color
from .scenes import SHAPES, Camera, SceneObject, random_color, yaw

ROOM_SIDE = 7.0
_RING = 2.9  # distance of the camera from the centre
_CAMERA_HEIGHT = 0.6
_MARGIN = 0.4  # between an object's centre and a wall
_DISTANCE = (1.5, 4.6)  # of objects from the camera
_BEARING = math.radians(20.0)  # of objects from the direction of view
_SPACING = 0.6
_SCALES = (0.85, 1.0, 1.15)
SIZES = {
    "sphere": (0.25, 0.25, 0.25),
    "box": (0.22, 0.22, 0.22),
    "cylinder": (0.2, 0.2, 0.24),
    "capsule": (0.13, 0.13, 0.25),
    "cone": (0.24, 0.24, 0.25),
    "icosahedron": (0.25, 0.25, 0.25),
}
_MAX_TRIES = 200


@dataclasses.dataclass(frozen=True)
class RoomRecipe:
    """The contents of a split's rooms.

    Args:
        num_objects: Minimum and maximum number of objects.
        identical_color: Whether all objects of a room have the same colour, or with
            `textured` the same pair of colours.
        textured: Whether floor, walls and objects have materials of two colours. Every
            colour of a room then occurs in at least two of these.
    """

    num_objects: tuple[int, int] = (1, 3)
    identical_color: bool = False
    textured: bool = False


@dataclasses.dataclass(frozen=True)
class Room:
    """A scene.

    Args:
        objects: The objects, in any order.
        camera: The camera, which looks across the room from near a corner.
        floor: Colour of the floor, RGB in [0, 1].
        wall: Colour of the walls, RGB in [0, 1].
        light: Position (x, y, z) of the lamp in metres.
        floor_material: Name of a material that replaces the colour of the floor.
        wall_material: Name of a material that replaces the colour of the walls.
    """

    objects: tuple[SceneObject, ...]
    camera: Camera
    floor: tuple[float, float, float]
    wall: tuple[float, float, float]
    light: tuple[float, float, float]
    floor_material: str | None = None
    wall_material: str | None = None


#: Split -> its recipe. The order of the names is part of the data.
ROOM_RECIPES = {
    "train": RoomRecipe(),
    "validation": RoomRecipe(),
    "test": RoomRecipe(),
    "empty_room": RoomRecipe(num_objects=(0, 0)),
    "six_objects": RoomRecipe(num_objects=(6, 6)),
    "identical_color": RoomRecipe(num_objects=(4, 6), identical_color=True),
}


def draw_room(rng: np.random.Generator, recipe: RoomRecipe) -> Room:
    """Samples a room: camera, colours, light and objects that do not touch."""
    camera = _draw_camera(rng)
    floor = random_color(rng, (0.75, 1.0), (0.7, 1.0))
    wall = random_color(rng, (0.55, 1.0), (0.6, 1.0))
    light = (1.5 * rng.choice((-1, 1)), 1.5 * rng.choice((-1, 1)), 4.0)
    count = int(rng.integers(recipe.num_objects[0], recipe.num_objects[1] + 1))
    shared = random_color(rng, (0.8, 1.0), (0.9, 1.0))
    objects = []
    for x, y in _draw_places(rng, camera, count):
        own = random_color(rng, (0.8, 1.0), (0.9, 1.0))
        color = shared if recipe.identical_color else own
        objects.append(_draw_object(rng, color, x, y))
    room = Room(tuple(objects), camera, floor, wall, light)
    return (
        _with_materials(rng, room, recipe.identical_color) if recipe.textured else room
    )


def _with_materials(rng, room, identical_color):
    """Returns the room with materials; an object's colour is their mean.

    The materials form a ring: each has two colours, one of which it shares with the
    previous material and the other with the next.
    """
    count = len(room.objects)
    num_colors = 4 if identical_color else max(count + 2, 3)
    palette = [int(hue) for hue in rng.permutation(NUM_HUES)[:num_colors]]
    pairs = []
    for index in range(count + 2):
        first = min(index, 2) if identical_color else index
        pairs.append((palette[first], palette[(first + 1) % num_colors]))
    patterns = [PATTERNS[rng.integers(len(PATTERNS))] for _ in pairs]
    names = [material_name(p, pair) for p, pair in zip(patterns, pairs, strict=True)]
    objects = tuple(
        dataclasses.replace(item, material=name, color=mean_color(pair))
        for item, name, pair in zip(room.objects, names[2:], pairs[2:], strict=True)
    )
    return dataclasses.replace(
        room, objects=objects, floor_material=names[0], wall_material=names[1]
    )


def _draw_camera(rng):
    corner = math.pi / 4 + math.pi / 2 * rng.integers(4) + rng.uniform(-0.6, 0.6)
    position = (_RING * math.cos(corner), _RING * math.sin(corner), _CAMERA_HEIGHT)
    across = corner + math.pi + rng.uniform(-0.25, 0.25)
    return Camera(position, across, -math.radians(rng.uniform(4.0, 7.0)))


def _draw_places(rng, camera, count):
    """Samples x and y of `count` objects in view; restarts if they do not fit."""
    while True:
        places = []
        for _ in range(_MAX_TRIES):
            if len(places) == count:
                return places
            distance = rng.uniform(*_DISTANCE)
            angle = camera.azimuth + rng.uniform(-_BEARING, _BEARING)
            x = camera.position[0] + distance * math.cos(angle)
            y = camera.position[1] + distance * math.sin(angle)
            inside = max(abs(x), abs(y)) < ROOM_SIDE / 2 - _MARGIN
            if inside and all(math.dist((x, y), p) > _SPACING for p in places):
                places.append((x, y))


def _draw_object(rng, color, x, y):
    shape = SHAPES[rng.integers(len(SHAPES))]
    scale = _SCALES[rng.integers(len(_SCALES))]
    size = tuple(scale * s for s in SIZES[shape])
    return SceneObject(shape, color, size, (x, y, size[2]), yaw(rng.uniform(0, 6.283)))
