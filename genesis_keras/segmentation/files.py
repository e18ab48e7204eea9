"""Writes segmentations to files."""

import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from genesis_keras.storage import local_path, replacing, write_json
from genesis_keras.types import Array, Config, PathLike
from genesis_keras.visualization import PALETTE, save_png

if TYPE_CHECKING:
    from genesis_keras.segmentation.segmentation import Segmentation

LABELS_FILE = "labels.png"
OVERLAY_FILE = "overlay.png"
OBJECTS_FILE = "objects.json"


def write_segmentation(
    folder: PathLike, found: "Segmentation", about: Config | None = None
) -> None:
    """Writes the label map, the overlay, each object and a description.

    Args:
        folder: The folder; created if it does not exist. Files of an earlier result are
            removed.
        found: A `Segmentation`.
        about: Dict of additional entries of `objects.json`.

    Raises:
        OSError: If a file cannot be written.
    """
    folder = local_path(folder)
    with replacing(folder / LABELS_FILE) as partial:
        label_picture(found.labels).save(partial, format="PNG", optimize=True)
    save_png(folder / OVERLAY_FILE, found.overlay())
    for old in folder.glob("object_*.png"):
        old.unlink()
    for item in found.objects:
        with replacing(folder / f"object_{item.label}.png") as partial:
            Image.fromarray(found.cut_out(item)).save(partial, format="PNG")
    write_json(folder / OBJECTS_FILE, {**(about or {}), **found.to_json()})


def label_picture(labels: Array) -> Image.Image:
    """Returns a label map as a palette image, whose pixel values are the labels.

    Args:
        labels: uint8 `[H, W]`; 0 is black, the others have the palette's colours.
    """
    picture = Image.fromarray(labels)
    picture.putpalette(palette_bytes())
    return picture


def palette_bytes() -> bytes:
    """Returns the 256 RGB colours of label maps."""
    colours = PALETTE[np.arange(256) % len(PALETTE)]
    colours[0] = 0
    return colours.tobytes()


def folder_names(paths: Iterable[PathLike]) -> list[str]:
    """Returns unique names for the results of pictures.

    These are the names of the pictures without suffix; if these are not unique, with
    suffix; if these are not unique, with a number.

    Args:
        paths: Paths of the pictures.
    """
    names, taken = [], set()
    for path in map(pathlib.Path, paths):
        candidates = [path.stem, path.name]
        number = 2
        while (name := candidates.pop(0)) in taken:
            if not candidates:
                candidates.append(f"{path.name}-{number}")
                number += 1
        taken.add(name)
        names.append(name)
    return names
