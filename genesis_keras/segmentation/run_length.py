"""Masks in COCO's uncompressed run-length encoding."""

import numpy as np

from genesis_keras.types import Array, Config


def encode_mask(mask: Array) -> Config:
    """Encodes a mask as COCO's run lengths.

    Args:
        mask: Boolean array `[H, W]`.

    Returns:
        Dict of `size`, [H, W], and `counts`: the alternating numbers of pixels outside
        and inside the mask, column by column, beginning outside. Can be read by
        `pycocotools.mask.frPyObjects`.
    """
    pixels = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels)) + 1
    bounds = np.concatenate([[0], edges, [len(pixels)]])
    counts = np.diff(bounds).tolist()
    starts_inside = bool(len(pixels)) and bool(pixels[0])
    return {"size": list(mask.shape), "counts": [0] * starts_inside + counts}


def decode_mask(encoded: Config) -> Array:
    """Decodes the result of `encode_mask` to a boolean mask `[H, W]`.

    Args:
        encoded: Dict of `size` and `counts`.
    """
    counts = encoded["counts"]
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(encoded["size"], order="F")
