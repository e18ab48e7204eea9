"""Sampling of stacks like those of ShapeStacks, which are kept if they are stable."""

import dataclasses
import math

import numpy as np

from .scenes import Camera, SceneObject, random_color, yaw

_MAX_OFFSET = 0.35  # of an object's centre from that below, relative to its half extent
_GAP = 0.001
_RING = (2.6, 3.4)  # distance of the camera from the stack
_CAMERA_HEIGHT = (0.9, 1.6)


@dataclasses.dataclass(frozen=True)
class StackRecipe:
    """The contents of a split's stacks.

    Args:
        num_objects: Minimum and maximum number of objects.
        identical_color: Whether all objects of a stack have the same colour.
        shapes: Shapes of the objects; spheres are only on top.
    """

    num_objects: tuple[int, int] = (2, 6)
    identical_color: bool = False
    shapes: tuple[str, ...] = ("box", "cylinder", "sphere")


@dataclasses.dataclass(frozen=True)
class Stack:
    """A scene.

    Args:
        objects: The objects from the bottom.
        camera: The camera, which looks at the middle of the stack.
        floor: Index of the floor's texture.
        wall: Index of the walls' texture.
        tint: RGB colour of both textures.
        light: Index of the lamp that is on.
    """

    objects: tuple[SceneObject, ...]
    camera: Camera
    floor: int
    wall: int
    tint: tuple[float, float, float]
    light: int


#: Split -> its recipe. The order of the names is part of the data.
STACK_RECIPES = {
    "train": StackRecipe(),
    "validation": StackRecipe(),
    "test": StackRecipe(),
    "single_object": StackRecipe(num_objects=(1, 1)),
    "six_objects": StackRecipe(num_objects=(6, 6)),
    "identical_color": StackRecipe(identical_color=True),
}


def draw_stack(
    rng: np.random.Generator,
    recipe: StackRecipe,
    num_textures: int,
    num_lights: int,
) -> Stack:
    """Samples a stable stack, the room around it and a camera."""
    from .physics import settle  # the only part that needs MuJoCo

    while (objects := settle(_draw_objects(rng, recipe))) is None:
        pass
    middle = sum(item.position[2] for item in objects) / len(objects)
    return Stack(
        objects,
        _draw_camera(rng, middle),
        int(rng.integers(num_textures)),
        int(rng.integers(num_textures)),
        random_color(rng, (0.0, 0.35), (0.75, 1.0)),
        int(rng.integers(num_lights)),
    )


def _draw_objects(rng, recipe):
    count = int(rng.integers(recipe.num_objects[0], recipe.num_objects[1] + 1))
    shared = random_color(rng, (0.7, 1.0), (0.6, 1.0))
    objects, x, y, top = [], 0.0, 0.0, 0.0
    spread = rng.uniform(0.0, _MAX_OFFSET)
    for i in range(count):
        shapes = [s for s in recipe.shapes if s != "sphere" or i == count - 1]
        shape = shapes[rng.integers(len(shapes))]
        size = _draw_size(rng, shape)
        if i:
            reach = spread * min(*size[:2], *objects[-1].size[:2])
            if shape == "sphere":
                reach = 0.0  # a sphere rests on a single point
            angle = rng.uniform(0.0, 2 * math.pi)
            x, y = x + reach * math.cos(angle), y + reach * math.sin(angle)
        own = random_color(rng, (0.7, 1.0), (0.6, 1.0))
        color = shared if recipe.identical_color else own
        position = (x, y, top + size[2] + _GAP)
        turn = yaw(rng.uniform(0.0, 2 * math.pi))
        objects.append(SceneObject(shape, color, size, position, turn))
        top = position[2] + size[2]
    return tuple(objects)


def _draw_size(rng, shape):
    if shape == "box":
        return tuple(rng.uniform(0.12, 0.28, size=2).tolist()) + (
            rng.uniform(0.08, 0.2),
        )
    radius = rng.uniform(0.12, 0.25)
    height = radius if shape == "sphere" else rng.uniform(0.08, 0.2)
    return (radius, radius, height)


def _draw_camera(rng, middle):
    angle, distance = rng.uniform(0.0, 2 * math.pi), rng.uniform(*_RING)
    height = rng.uniform(*_CAMERA_HEIGHT)
    position = (distance * math.cos(angle), distance * math.sin(angle), height)
    elevation = math.atan2(middle - height, distance)
    return Camera(position, angle + math.pi, elevation)
