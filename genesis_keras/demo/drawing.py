"""Renders the pictures of the page."""

import numpy as np

from genesis_keras.segmentation.drawing import draw_overlay
from genesis_keras.visualization import labelled_rows

SIDE = 384
"""Target length of the shorter side of small pictures, in pixels."""


def enlarge(image, side=SIDE):
    """Enlarges a small picture by an integer factor, without interpolation.

    Args:
        image: `[H, W, ...]`.
        side: Target length of the shorter side. The factor is rounded down.
    """
    scale = enlargement(image, side)
    return np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)


def enlargement(image, side=SIDE):
    """Returns the factor by which `enlarge` enlarges.

    Args:
        image: `[H, W, ...]`.
        side: As there.
    """
    return max(1, side // min(image.shape[:2]))


def overlay_of(found):
    """Returns the enlarged picture of a `Segmentation` with coloured objects."""
    return draw_overlay(enlarge(found.image), enlarge(found.labels))


def slots_picture(found):
    """Returns the attention mask and the decoded object of each slot in use.

    Args:
        found: A `Segmentation`.
    """
    used = int(found.outputs["num_slots"][0])
    masks = np.exp(found.outputs["log_masks"][0, :used])  # [K, S, S, 1]
    objects = found.outputs["components"][0, :used]
    shown = np.exp(found.outputs["log_object_masks"][0, :used])
    rows = [
        ("mask", np.repeat(masks, 3, axis=-1)),
        ("object", shown * objects + (1.0 - shown)),
    ]
    titles = [f"slot {slot}" for slot in range(used)]
    return labelled_rows([(a, np.clip(b, 0.0, 1.0)) for a, b in rows], titles)


def reconstruction_of(found):
    """Returns the enlarged reconstruction, uint8.

    Args:
        found: A `Segmentation`.
    """
    image = np.clip(found.outputs["reconstruction"][0], 0.0, 1.0)
    return enlarge(np.round(255.0 * image).astype(np.uint8))


def steps_picture(steps):
    """Returns the steps in which a scene is composed, in a row.

    Args:
        steps: uint8 `[K, S, S, 3]`.
    """
    titles = ["slot 0", *(f"+ slot {slot}" for slot in range(1, len(steps)))]
    return labelled_rows([("", steps)], titles)
