"""Masks as run lengths, in COCO's uncompressed form."""

import numpy as np


def encode_mask(mask):
    """Returns a mask as COCO's run lengths.

    Args:
        mask: Boolean array `[H, W]`.

    Returns:
        Dict of `size`, [H, W], and `counts`: how many pixels in turn are outside and
        inside, column by column, beginning outside. `pycocotools.mask.frPyObjects`
        reads it.
    """
    pixels = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels)) + 1
    bounds = np.concatenate([[0], edges, [len(pixels)]])
    counts = np.diff(bounds).tolist()
    starts_inside = bool(len(pixels)) and bool(pixels[0])
    return {"size": list(mask.shape), "counts": [0] * starts_inside + counts}


def decode_mask(encoded):
    """Returns the mask `[H, W]`, boolean, of what `encode_mask` returns.

    Args:
        encoded: Dict of `size` and `counts`.
    """
    counts = encoded["counts"]
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(encoded["size"], order="F")
