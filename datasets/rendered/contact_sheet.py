"""Overview of all splits: `python -m datasets.rendered.contact_sheet rooms FILE.png`.

The picture has a row of images for each split, and their labels below.
"""

import argparse
import sys
import tempfile

import numpy as np
from PIL import Image

from .drawing import RECIPES
from .rendered_config import RenderedConfig
from .workers import chunks

# Colours of label 0, the background, and of six objects.
_PALETTE = np.array(
    [
        (40, 40, 40),
        (230, 25, 75),
        (60, 180, 75),
        (255, 225, 25),
        (0, 130, 200),
        (245, 130, 48),
        (145, 30, 180),
    ],
    np.uint8,
)
_SAME_AS_TRAINING = ("validation", "test")


def contact_sheet(
    kind: str, image_size: int, num_columns: int, textured: bool = False
) -> np.ndarray:
    """Draws the first scenes of each split, except splits that look like training.

    Args:
        kind: "rooms" or "stacks".
        image_size: Side of a picture in pixels.
        num_columns: Number of scenes per split.
        textured: Whether rooms have two-colour materials.

    Returns:
        uint8 [rows * image_size, num_columns * image_size, 3].
    """
    config = RenderedConfig(
        name="sheet",
        version="1.0.0",
        kind=kind,
        image_size=image_size,
        textured=textured,
    )
    rows = []
    for split_id, split in enumerate(RECIPES[kind]):
        if split in _SAME_AS_TRAINING:
            continue
        with tempfile.TemporaryDirectory() as cache:
            job = config.job(split, split_id)
            scenes = next(chunks(job, num_columns, 1, cache))
        rows.append(np.concatenate(scenes["image"], axis=1))
        rows.append(np.concatenate(_PALETTE[scenes["segmentation"][..., 0]], axis=1))
    return np.concatenate(rows)


def main(arguments=None):
    """Writes the picture.

    Args:
        arguments: List of arguments; None for those of the command line.
    """
    parser = argparse.ArgumentParser(prog="contact_sheet", description=__doc__)
    parser.add_argument("kind", choices=RECIPES)
    parser.add_argument("file")
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--num_columns", type=int, default=12)
    parser.add_argument("--textured", action="store_true")
    options = parser.parse_args(arguments)
    sheet = contact_sheet(
        options.kind, options.image_size, options.num_columns, options.textured
    )
    Image.fromarray(sheet).save(options.file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
