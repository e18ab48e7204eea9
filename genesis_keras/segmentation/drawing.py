"""Visualisation of a segmentation."""

import numpy as np

from genesis_keras.types import Array
from genesis_keras.visualization.palette import colour_labels

_OPACITY = 0.45


def draw_overlay(image: Array, labels: Array) -> Array:
    """Returns a picture with coloured and outlined objects.

    Args:
        image: uint8 `[H, W, 3]`.
        labels: uint8 `[H, W]`; pixels with label 0 are not changed.
    """
    colours = colour_labels(labels.astype(np.int64)).astype(np.float64)
    opacity = np.where(outlines(labels), 1.0, _OPACITY)
    opacity = np.where(labels == 0, 0.0, opacity)[..., None]
    return np.round(opacity * colours + (1.0 - opacity) * image).astype(np.uint8)


def outlines(labels: Array) -> Array:
    """Returns the outlines of objects, a boolean array `[H, W]`.

    Args:
        labels: `[H, W]`. Lines are inside the objects, with a width of one pixel per
            200 pixels of the shorter side; objects that are too thin have none.
    """
    width = max(1, min(labels.shape) // 200)
    if min(labels.shape) < 64:  # a line would hide the objects
        return np.zeros(labels.shape, bool)
    edges = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for shift in (width, -width):
            edges |= np.roll(labels, shift, axis) != labels
    return edges & (labels > 0)


def cut_out(image: Array, mask: Array, box: tuple[int, int, int, int]) -> Array:
    """Returns an object as uint8 RGBA `[h, w, 4]`, transparent outside its mask.

    Args:
        image: uint8 `[H, W, 3]`.
        mask: Boolean `[H, W]`.
        box: Left, top, width and height.
    """
    left, top, width, height = box
    part = slice(top, top + height), slice(left, left + width)
    alpha = np.where(mask[part], 255, 0).astype(np.uint8)[..., None]
    return np.concatenate([image[part], alpha], axis=-1)
