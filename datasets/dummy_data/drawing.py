"""Pictures for the dummy files: discs and blocks of random colours."""

import io

import numpy as np
from PIL import Image


def random_colour(rng) -> np.ndarray:
    """Returns a random colour, uint8 [3], that is not very dark."""
    return rng.integers(60, 256, 3).astype(np.uint8)


def paint_discs(rng, image, entities, indices, radius):
    """Paints a shaded disc for each of `indices` on an image and on its entities.

    Args:
        rng: NumPy's generator.
        image: uint8 [H, W, 3], changed.
        entities: Integers [H, W], changed: a disc's pixels become its index.
        indices: Indices of the discs, from back to front.
        radius: Minimum and maximum radius, in pixels.
    """
    height, width = entities.shape
    y, x = np.mgrid[:height, :width]
    for index in indices:
        r = rng.uniform(*radius)
        cy = rng.uniform(height / 2, height - r)
        cx = rng.uniform(r, width - r)
        distance = np.hypot(y - cy, x - cx) / r
        inside = distance < 1
        shade = 1 - 0.4 * distance[inside, None]
        image[inside] = (random_colour(rng) * shade).astype(np.uint8)
        entities[inside] = index


def encode(pixels, form: str, **options) -> bytes:
    """Encodes uint8 [H, W], [H, W, 3] or [H, W, 4] as "PNG" or "JPEG"."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()
