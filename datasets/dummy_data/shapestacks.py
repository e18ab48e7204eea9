"""Dummy files of ShapeStacks.

The format: three gzipped tar archives.

- shapestacks-meta.tar.gz: `splits/SET/{train,eval,test}.txt`, with the name of one
  scenario per line, for the sets default, blocks_all and ccs_all.
- shapestacks-rgb.tar.gz: `recordings/SCENARIO/rgb-w=W-f=F-l=L-c=C-cam_N-mono-0.png`,
  224x224, RGB.
- shapestacks-iseg.tar.gz: `iseg/SCENARIO/iseg-w=0-f=0-l=0-c=original-cam_N-mono-0.map`,
  a PNG of 224x224, RGBA: red, green and blue are 32 times the label, alpha 255.
"""

import io
import pathlib
import tarfile

import numpy as np

from .drawing import encode, random_colour

_SPLITS = {
    "default": {"train": 5, "eval": 2, "test": 2},
    "blocks_all": {"train": 3, "eval": 1, "test": 1},
    "ccs_all": {"train": 2, "eval": 1, "test": 1},
}
_CAMERAS = (1, 2)
_SIDE = 224


def write_shapestacks(name: str, folder) -> dict:
    """Writes the dummy files.

    Args:
        name: Name of the data set, unused.
        folder: Output folder.

    Returns:
        "splits": set -> split -> scenarios, and "frames": (scenario, camera) -> the
        image [224, 224, 3] and its labels [224, 224].
    """
    del name
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    splits, frames = {}, {}
    members = {"meta": {}, "rgb": {}, "iseg": {}}
    for set_name, counts in _SPLITS.items():
        splits[set_name] = {}
        for split, count in counts.items():
            scenarios = [f"env_{set_name}-easy-{split}-{i}" for i in range(count)]
            splits[set_name][split] = scenarios
            path = f"splits/{set_name}/{split}.txt"
            members["meta"][path] = "\n".join([*scenarios, ""]).encode()
            for scenario in scenarios:
                for camera in _CAMERAS:
                    rng = np.random.default_rng([len(frames)])
                    image, labels = _stack(rng)
                    frames[scenario, camera] = image, labels
                    end = f"cam_{camera}-mono-0"
                    path = f"{scenario}/rgb-w=0-f=2-l=1-c=original-{end}.png"
                    members["rgb"][f"recordings/{path}"] = encode(image, "PNG")
                    path = f"{scenario}/iseg-w=0-f=0-l=0-c=original-{end}.map"
                    members["iseg"][f"iseg/{path}"] = _encode_map(labels)
    for part, files in members.items():
        with tarfile.open(folder / f"shapestacks-{part}.tar.gz", "w:gz") as tar:
            for path, content in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return {"splits": splits, "frames": frames}


def _stack(rng):
    """Draws two to six stacked blocks in front of a wall; label 1 is the lowest."""
    image = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    labels = np.zeros((_SIDE, _SIDE), np.uint8)
    image[:150], image[150:] = random_colour(rng), random_colour(rng)
    bottom, middle = 190, 112
    for label in range(1, int(rng.integers(2, 7)) + 1):
        half, height = int(rng.integers(14, 26)), int(rng.integers(18, 26))
        middle += int(rng.integers(-6, 7))
        block = np.s_[bottom - height : bottom, middle - half : middle + half]
        image[block], labels[block] = random_colour(rng), label
        bottom -= height
    return image, labels


def _encode_map(labels):
    grey = np.repeat(labels[..., None] * np.uint8(32), 3, axis=-1)
    opaque = np.full((*labels.shape, 1), 255, np.uint8)
    return encode(np.concatenate([grey, opaque], axis=-1), "PNG")
