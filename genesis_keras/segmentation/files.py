"""Writes what was found in a picture."""

import pathlib

import numpy as np
from PIL import Image

from genesis_keras.storage import replacing, write_json
from genesis_keras.visualization import PALETTE, save_png

LABELS_FILE = "labels.png"
OVERLAY_FILE = "overlay.png"
OBJECTS_FILE = "objects.json"


def write_segmentation(folder, found, about=None):
    """Writes the label map, the overlay, each object and a description.

    Args:
        folder: The folder; made if it is not there. Of an earlier result in it no
            files are left.
        found: A `Segmentation`.
        about: Dict of what else to say in `objects.json`.

    Raises:
        OSError: A file cannot be written.
    """
    folder = pathlib.Path(folder)
    with replacing(folder / LABELS_FILE) as partial:
        label_picture(found.labels).save(partial, format="PNG", optimize=True)
    save_png(folder / OVERLAY_FILE, found.overlay())
    for old in folder.glob("object_*.png"):
        old.unlink()
    for item in found.objects:
        with replacing(folder / f"object_{item.label}.png") as partial:
            Image.fromarray(found.cut_out(item)).save(partial, format="PNG")
    write_json(folder / OBJECTS_FILE, {**(about or {}), **found.to_json()})


def label_picture(labels):
    """Returns a label map as a palette picture: pixel values are the labels.

    Args:
        labels: uint8 `[H, W]`; 0 is black, the others have the palette's colours.
    """
    picture = Image.fromarray(labels)
    picture.putpalette(palette_bytes())
    return picture


def palette_bytes():
    """Returns the 256 colours of label maps, RGB."""
    colours = PALETTE[np.arange(256) % len(PALETTE)]
    colours[0] = 0
    return colours.tobytes()


def folder_names(paths):
    """Returns a name for the result of each picture, all different.

    The picture's name without its ending, where that is not enough with it, and then
    a number.

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
