"""What data sets know of their objects: shape, colour, size, material, position."""

import dataclasses
import os

import numpy as np

from genesis_keras.data.preparation import prepare
from genesis_keras.data.registry import SPECS, get_spec

CLASS, VALUE = "class", "value"
"""Kinds of properties: one of some names, or numbers."""


@dataclasses.dataclass(frozen=True)
class Property:
    """A property of objects, as features of a TFDS data set hold it.

    Attributes:
        kind: `CLASS` or `VALUE`.
        features: Names of the features, joined one after the other; none for the
            centre of the object's visible pixels.
        columns: How many numbers of each feature count, from the first.
    """

    kind: str
    features: tuple[str, ...] = ()
    columns: int | None = None


@dataclasses.dataclass(frozen=True)
class _Known:
    """Properties of a data set, and the row of the object with label 1."""

    properties: dict[str, Property]
    first_row: int = 0


_SPRITES = _Known(
    {
        "shape": Property(CLASS, ("shape",)),
        "color": Property(VALUE, ("color",)),
        "size": Property(VALUE, ("size",)),
        "position": Property(VALUE, ("position",)),
    }
)
# Their cameras move: places in the room say nothing of places in the image.
_RENDERED = _Known(
    {
        "shape": Property(CLASS, ("shape",)),
        "color": Property(VALUE, ("color",)),
        "size": Property(VALUE, ("size",)),
        "position": Property(VALUE),
    }
)
_DSPRITES = _Known(
    {
        "shape": Property(CLASS, ("shape",)),
        "color": Property(VALUE, ("color",)),
        "size": Property(VALUE, ("scale",)),
        "position": Property(VALUE, ("x", "y")),
    },
    first_row=1,  # row 0 is the background
)
_TETROMINOES = _Known(
    {
        "shape": Property(CLASS, ("shape",)),
        "color": Property(VALUE, ("color",)),
        "position": Property(VALUE, ("x", "y")),
    },
    first_row=1,
)
_CLEVR = _Known(
    {
        "shape": Property(CLASS, ("shape",)),
        "color": Property(CLASS, ("color",)),
        "size": Property(CLASS, ("size",)),
        "material": Property(CLASS, ("material",)),
        "position": Property(VALUE, ("pixel_coords",), columns=2),
    },
    first_row=1,
)
_BUILDERS = {
    "sprites": _SPRITES,
    "multi_dsprites": _DSPRITES,
    "tetrominoes": _TETROMINOES,
    "clevr_with_masks": _CLEVR,
}
_DATASETS = dict.fromkeys(
    ("objects_room/rendered", "objects_room/textured", "shapestacks/rendered"),
    _RENDERED,
)


def properties_of(name: str) -> dict[str, Property]:
    """Returns the properties of the objects of a data set, by name.

    Args:
        name: the data set, as in the registry.

    Raises:
        ValueError: unknown data set, or one that knows nothing of its objects.
    """
    return _known(name).properties


def load_properties(
    name: str,
    split: str,
    num_examples: int,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
) -> dict[str, np.ndarray]:
    """Loads what is known of the objects of the first images of a split.

    Args:
        name: the data set, as in the registry.
        split: the split's name, or a part of it in TFDS's notation.
        num_examples: of so many images, or of all if there are fewer.
        data_dir: see `pipeline.load`.
        manual_dir: see `pipeline.load`.

    Returns:
        Name of a property -> array `[N, T, C]` in the order of `pipeline.load`: row
        t is of the object with label t + 1. Properties without features are left
        out.

    Raises:
        ValueError: unknown data set, or one that knows nothing of its objects.
        OSError: the data cannot be fetched or written.
    """
    import tensorflow_datasets as tfds

    known = _known(name)
    wanted = {f for item in known.properties.values() for f in item.features}
    dataset = prepare(get_spec(name), data_dir, manual_dir).as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(sorted(wanted), True)),
        read_config=tfds.ReadConfig(try_autocache=False, skip_prefetch=True),
        shuffle_files=False,
    )
    columns = next(dataset.take(num_examples).batch(num_examples).as_numpy_iterator())
    columns = {name: _rows(values) for name, values in columns.items()}
    return {
        name: np.concatenate(
            [columns[f][:, known.first_row :, : item.columns] for f in item.features],
            axis=-1,
        )
        for name, item in known.properties.items()
        if item.features
    }


def _rows(values):
    """Values of each object as a row of numbers, `[N, T, C]`."""
    return values.reshape(*values.shape[:2], -1)


def _known(name):
    spec = get_spec(name)
    known = _DATASETS.get(spec.name) or _BUILDERS.get(spec.builder)
    if known is None:
        have = [s for s, v in SPECS.items() if s in _DATASETS or v.builder in _BUILDERS]
        raise ValueError(
            f"dataset={spec.name!r} has no properties of its objects; "
            f"{', '.join(have)} have"
        )
    return known
