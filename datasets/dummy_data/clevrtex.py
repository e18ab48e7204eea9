"""Dummy files of ClevrTex.

The format: a folder `clevrtex_VARIANT` for each variant, in it folders with
`CLEVRTEX_VARIANT_NNNNNN.png` (320 wide, 240 high, RGB or RGBA), a palette PNG
`CLEVRTEX_VARIANT_NNNNNN_flat.png` whose index is the label, and
`CLEVRTEX_VARIANT_NNNNNN.json` with `ground_material` and `objects`, each with `shape`,
`material`, `size`, `rotation` and `color`, besides unused entries.
"""

import json
import pathlib

import numpy as np
from PIL import Image

from .drawing import paint_discs, random_colour

_VARIANTS = ("full", "pbg", "vbg", "grassbg", "camo", "outd")
_SCENES = 20
_FIRST = 1
_SIZE = (240, 320)


def write_clevrtex(name: str, folder) -> dict:
    """Writes the dummy files.

    Args:
        name: Name of the data set, unused.
        folder: Output folder.

    Returns:
        Variant -> list of scenes in the order of their numbers: "image" [240, 320, 3],
        "labels" [240, 320], and the content of the json file as "facts".
    """
    del name
    truth = {}
    for index, variant in enumerate(_VARIANTS):
        truth[variant] = []
        for number in range(_FIRST, _FIRST + _SCENES):
            part = pathlib.Path(folder) / f"clevrtex_{variant}" / str(number // 10)
            part.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([index, number])
            stem = part / f"CLEVRTEX_{variant}_{number:06d}"
            truth[variant].append(_write_scene(rng, stem, alpha=number % 2))
    return truth


def _write_scene(rng, stem, alpha):
    image = np.empty((*_SIZE, 3), np.uint8)
    image[:] = random_colour(rng) // 2
    labels = np.zeros(_SIZE, np.int64)
    count = int(rng.integers(3, 11))
    paint_discs(rng, image, labels, range(1, count + 1), (15, 40))
    pixels = image
    if alpha:
        opaque = np.full((*_SIZE, 1), 255, np.uint8)
        pixels = np.concatenate([image, opaque], axis=-1)
    Image.fromarray(pixels).save(f"{stem}.png")
    flat = Image.fromarray(labels.astype(np.uint8), "P")
    flat.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
    flat.save(f"{stem}_flat.png")
    facts = {
        "ground_material": "poliigongroundmoss001",
        "image_filename": f"{stem.name}.png",
        "objects": [
            {
                "shape": ("cube", "sphere", "monkey")[int(rng.integers(3))],
                "material": ("rubber", "whitemarble")[int(rng.integers(2))],
                "size": ("small", "medium", "large")[int(rng.integers(3))],
                "rotation": float(np.float32(rng.uniform(0, 360))),
                "color": ("red", "green")[int(rng.integers(2))],
                "3d_coords": [0.0, 1.0, 0.5],
            }
            for _ in range(count)
        ],
    }
    pathlib.Path(f"{stem}.json").write_text(json.dumps(facts))
    return {"image": image, "labels": labels, "facts": facts}
