"""Dummy files of objects_room, multi_dsprites, tetrominoes and clevr_with_masks.

The format of all four: one TFRecord file, compressed with GZIP; each record a
`tf.train.Example`. `image` and `mask` are bytes lists with one element for each byte of
the array, in C order. A mask is 255 where its entity is visible, else 0; masks of
entities that are not in a scene are 0 everywhere.

- objects_room: image [64, 64, 3], mask [E, 64, 64, 1], E = 7, in the test files
  empty_room 4, six_objects and identical_color 10; the first four are sky, floor and
  the two halves of the wall.
- multi_dsprites: image [64, 64, 3] (binarized: [64, 64, 1]), mask [64, 64, E, 1],
  E = 4 (binarized), 6 (colored_on_grayscale), 5 (colored_on_colored). Float lists x,
  y, shape, visibility, orientation, scale [E] and color [E, 3] (binarized: [E, 1]).
- tetrominoes: image [35, 35, 3], mask [4, 35, 35, 1]; x, y, shape, visibility [4]
  and color [4, 3] as float lists.
- clevr_with_masks: image [240, 320, 3], mask [11, 240, 320, 1]; float lists x, y, z,
  rotation, visibility [11] and pixel_coords [11, 3]; bytes lists of 11 single bytes
  size, material, shape and color.
"""

import pathlib

import numpy as np
import tensorflow as tf

from .drawing import paint_discs, random_colour

NUM_SCENES = 8

_ROOM = "objects_room/objects_room_{}.tfrecords"
_SPRITES = "multi_dsprites/multi_dsprites_{}.tfrecords"

# File -> arguments of `_scene`; the numbers are those of the list above.
_FILES = {
    _ROOM.format("train"): {"size": (64, 64), "entities": 7, "objects": (1, 3)},
    _ROOM.format("test_empty_room"): {
        "size": (64, 64),
        "entities": 4,
        "objects": (0, 0),
    },
    _ROOM.format("test_six_objects"): {
        "size": (64, 64),
        "entities": 10,
        "objects": (6, 6),
    },
    _ROOM.format("test_identical_color"): {
        "size": (64, 64),
        "entities": 10,
        "objects": (4, 6),
    },
    _SPRITES.format("binarized"): {"size": (64, 64), "entities": 4, "objects": (2, 3)},
    _SPRITES.format("colored_on_grayscale"): {
        "size": (64, 64),
        "entities": 6,
        "objects": (2, 5),
    },
    _SPRITES.format("colored_on_colored"): {
        "size": (64, 64),
        "entities": 5,
        "objects": (1, 4),
    },
    "tetrominoes/tetrominoes_train.tfrecords": {
        "size": (35, 35),
        "entities": 4,
        "objects": (3, 3),
    },
    "clevr_with_masks/clevr_with_masks_train.tfrecords": {
        "size": (240, 320),
        "entities": 11,
        "objects": (3, 10),
    },
}

_FLOATS = {
    "objects_room": (),
    "multi_dsprites": (
        ("x", "y", "shape", "visibility", "orientation", "scale"),
        ("color",),
    ),
    "tetrominoes": (("x", "y", "shape", "visibility"), ("color",)),
    "clevr_with_masks": (("x", "y", "z", "rotation", "visibility"), ("pixel_coords",)),
}
_SINGLE_BYTES = [bytes((value,)) for value in range(256)]
_BYTES = {"clevr_with_masks": ("size", "material", "shape", "color")}


def write_multi_object(name: str, folder, num_scenes: int = NUM_SCENES) -> dict:
    """Writes the dummy files of one of the four data sets.

    Args:
        name: Name of the data set.
        folder: Output folder.
        num_scenes: Number of scenes per file.

    Returns:
        Dict from file names to lists of the scenes' arrays: the decoded "image" [H, W,
        3], "labels" [H, W], and all factors.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {}
    for number, (path, settings) in enumerate(_FILES.items()):
        data_set, _, file_name = path.partition("/")
        if data_set != name:
            continue
        rng = np.random.default_rng(number)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / file_name), options) as writer:
            contents[file_name] = []
            for _ in range(num_scenes):
                scene, stored = _scene(rng, data_set, file_name, **settings)
                writer.write(_example(stored).SerializeToString())
                contents[file_name].append(scene)
    return contents


def _scene(rng, data_set, file_name, size, entities, objects):
    """Returns the expected contents of a scene, and its features as stored."""
    num_objects = int(rng.integers(objects[0], objects[1] + 1))
    image, entity_map = _background(rng, data_set, file_name, size)
    first = int(entity_map.max()) + 1
    indices = range(first, first + num_objects)
    if data_set == "tetrominoes":
        _paint_blocks(rng, image, entity_map, indices)
    else:
        paint_discs(rng, image, entity_map, indices, (size[0] / 10, size[0] / 6))
    gray = "binarized" in file_name
    if gray:
        image[entity_map > 0] = 255
    masks = 255 * (entity_map == np.arange(entities)[:, None, None])
    masks = masks[..., None].astype(np.uint8)  # [E, H, W, 1]
    if data_set == "multi_dsprites":
        masks = masks.transpose(1, 2, 0, 3)  # [H, W, E, 1]
    stored = {"image": image[..., :1] if gray else image, "mask": masks}
    factors = _factors(rng, data_set, entities, first + num_objects, gray)
    labels = np.where(entity_map < first, 0, entity_map - first + 1)
    scene = {"image": image, "labels": labels.astype(np.uint8), **factors}
    return scene, stored | factors


def _background(rng, data_set, file_name, size):
    image = np.zeros((*size, 3), np.uint8)
    entity_map = np.zeros(size, np.int64)
    if data_set == "objects_room":
        horizon, ground, corner = 18, 38, int(rng.integers(16, 48))
        entity_map[ground:] = 1
        entity_map[horizon:ground, :corner] = 2
        entity_map[horizon:ground, corner:] = 3
        colours = np.stack([(155, 225, 250), *(random_colour(rng) for _ in range(2))])
        wall = colours[2]
        image[...] = np.stack([*colours, wall * 0.85])[entity_map].astype(np.uint8)
    elif data_set == "clevr_with_masks":
        image[...] = np.linspace(150, 110, size[0])[:, None, None].astype(np.uint8)
    elif "grayscale" in file_name:
        image[...] = rng.integers(0, 256)
    elif "colored_on_colored" in file_name:
        image[...] = random_colour(rng)
    return image, entity_map


def _paint_blocks(rng, image, entity_map, indices):
    """Paints tetrominoes of 4-pixel cells that do not overlap."""
    shapes = ("##/##", "####", "#./#./##", ".##/##.", "###/.#.")
    for column, index in enumerate(indices):
        rows = shapes[rng.integers(len(shapes))].split("/")
        if max(map(len, rows)) > 2:
            rows = ["".join(cells) for cells in zip(*rows, strict=True)]
        top = int(rng.integers(1, 35 - 4 * len(rows)))
        colour = np.array([255 * (int(rng.integers(1, 7)) >> b & 1) for b in range(3)])
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                if cell == "#":
                    cell_top, left = top + 4 * y, 2 + 11 * column + 4 * x
                    window = np.s_[cell_top : cell_top + 4, left : left + 4]
                    image[window], entity_map[window] = colour, index


def _factors(rng, data_set, entities, num_visible, gray):
    """Returns factors of the right shapes; only `visibility` is meaningful."""
    factors = {}
    for width, names in zip((1, 3), _FLOATS[data_set], strict=False):
        for name in names:
            shape = (entities, 1 if gray else 3) if width == 3 else (entities,)
            factors[name] = rng.uniform(size=shape).astype(np.float32)
    if "visibility" in factors:
        factors["visibility"] = (np.arange(entities) < num_visible).astype(np.float32)
    for name in _BYTES.get(data_set, ()):
        factors[name] = rng.integers(0, 4, entities).astype(np.uint8)
    return factors


def _example(stored):
    features = {}
    for name, values in stored.items():
        if values.dtype == np.uint8:
            single = [_SINGLE_BYTES[value] for value in values.ravel()]
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=single))
        else:
            feature = tf.train.Feature(
                float_list=tf.train.FloatList(value=values.ravel())
            )
        features[name] = feature
    return tf.train.Example(features=tf.train.Features(feature=features))
