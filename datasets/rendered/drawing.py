"""Renders consecutive scenes of a split: images, labels and factors as arrays.

Scene i depends only on the kind, the recipe, the image size, the seed, the number of
the split and i, so that any process can render any part.
"""

import functools

import numpy as np

from .rooms import ROOM_RECIPES, RoomRecipe, draw_room
from .scenes import SHAPES
from .stacks import STACK_RECIPES, StackRecipe, draw_stack

# : Maximum number of objects in a scene, and number of rows in their arrays.
MAX_OBJECTS = 6
_MIN_PIXELS = 10  # of an object in an image of 64 x 64
RECIPES = {"rooms": ROOM_RECIPES, "stacks": STACK_RECIPES}
_RECIPE_CLASSES = {"rooms": RoomRecipe, "stacks": StackRecipe}


def draw_scenes(kind, recipe, split_id, seed, image_size, start, stop):
    """Renders scenes `start` to `stop` of a split.

    Args:
        kind: "rooms" or "stacks".
        recipe: Dict of the fields of a `RoomRecipe` or `StackRecipe`.
        split_id: Number of the split.
        seed: Random seed of the data set.
        image_size: Side S of the images in pixels.
        start: Index of the first scene.
        stop: Index after the last.

    Returns:
        Dict of arrays with the scenes along the first axis. "image", uint8
        [N, S, S, 3]; "segmentation", uint8 [N, S, S, 1]; "shape", int32 [N, 6],
        index in `SHAPES` or -1 where there is no object; "color", RGB in [0, 1],
        "size", half extents in metres, "position" of the centre in metres, float32
        [N, 6, 3] each; "rotation", quaternions, float32 [N, 6, 4]; and
        "visible_pixels", int32 [N, 6]. Object i has the label i + 1.
    """
    recipe = _RECIPE_CLASSES[kind](**recipe)
    scenes = [
        _draw_visible(kind, recipe, image_size, [seed, split_id, index])
        for index in range(start, stop)
    ]
    return {name: np.stack([scene[name] for scene in scenes]) for name in scenes[0]}


def _draw_visible(kind, recipe, image_size, seeds):
    """Samples scenes until one is found in which all objects are visible."""
    rng = np.random.default_rng(seeds)
    textured = getattr(recipe, "textured", False)
    renderer, draw = _tools(kind, image_size, textured)
    least = _MIN_PIXELS * (image_size / 64) ** 2
    while True:
        scene = draw(rng, recipe)
        image, labels = renderer.render(scene)
        pixels = np.bincount(labels.ravel(), minlength=MAX_OBJECTS + 1)[1:]
        if np.all(pixels[: len(scene.objects)] >= least):
            break
    return {"image": image, "segmentation": labels, **_factors(scene.objects, pixels)}


def _factors(objects, pixels):
    """Returns the factors of the objects, in arrays of `MAX_OBJECTS` rows."""
    rows = {
        "color": np.zeros((MAX_OBJECTS, 3), np.float32),
        "size": np.zeros((MAX_OBJECTS, 3), np.float32),
        "position": np.zeros((MAX_OBJECTS, 3), np.float32),
        "rotation": np.zeros((MAX_OBJECTS, 4), np.float32),
    }
    shape = np.full(MAX_OBJECTS, -1, np.int32)
    for i, item in enumerate(objects):
        shape[i] = SHAPES.index(item.shape)
        for name, values in rows.items():
            values[i] = getattr(item, name)
    return {"shape": shape, **rows, "visible_pixels": pixels.astype(np.int32)}


@functools.cache
def _tools(kind, image_size, textured):
    """Returns the renderer of a kind, one per process, and its sampling function."""
    if kind == "rooms":
        from .room_renderer import RoomRenderer

        return RoomRenderer(image_size, MAX_OBJECTS, textured), draw_room
    from .stack_renderer import NUM_LAMPS, NUM_TEXTURES, StackRenderer

    draw = functools.partial(
        draw_stack, num_textures=NUM_TEXTURES, num_lights=NUM_LAMPS
    )
    return StackRenderer(image_size, MAX_OBJECTS), draw
