"""Dummy files of the Amazon Picking Challenge's training images.

The format: one zip archive with `training/PLACE/OBJECT/scene-NNNN/`, in it frames
`frame-NNNNNN.color.png` (640x480, RGB) and `masks/frame-NNNNNN.mask.png` (one
channel, 255 where the object is). Folders `scene-empty` have no masks. There are
further files, such as depth images, beside the frames.
"""

import pathlib
import zipfile

import numpy as np

from .drawing import encode, paint_discs, random_colour

_OBJECTS = {
    "office": ("crayola_24_ct", "dove_beauty_bar"),
    "warehouse": ("duct_tape",),
}
_SCENES = ("scene-0000", "scene-0001", "scene-0002", "scene-0003", "scene-empty")
_FRAMES = 2
_SIZE = (480, 640)


def write_apc(name: str, folder) -> dict:
    """Writes the dummy file.

    Args:
        name: Name of the data set, unused.
        folder: Output folder.

    Returns:
        "PLACE/OBJECT/SCENE" -> frame's name -> image [480, 640, 3], labels [480, 640].
    """
    del name
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    scenes = {}
    with zipfile.ZipFile(folder / "training.zip", "w") as archive:
        for place, objects in _OBJECTS.items():
            for item in objects:
                for scene in _SCENES:
                    path = f"{place}/{item}/{scene}"
                    rng = np.random.default_rng([len(scenes)])
                    scenes[path] = _write_scene(archive, f"training/{path}", rng)
    return scenes


def _write_scene(archive, path, rng):
    frames = {}
    for number in range(_FRAMES):
        frame = f"frame-{number:06d}"
        image = np.full((*_SIZE, 3), 70, np.uint8)
        image[60:, 80:-80] = random_colour(rng) // 2
        labels = np.zeros(_SIZE, np.int64)
        if not path.endswith("empty"):
            paint_discs(rng, image, labels, (1,), (60, 120))
            mask = encode((255 * labels).astype(np.uint8), "PNG")
            archive.writestr(f"{path}/masks/{frame}.mask.png", mask)
        archive.writestr(f"{path}/{frame}.color.png", encode(image, "PNG"))
        archive.writestr(f"{path}/{frame}.depth.png", encode(image[..., 0], "PNG"))
        frames[frame] = image, labels
    return frames
