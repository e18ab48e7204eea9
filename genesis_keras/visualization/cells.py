"""Parts of pictures: conversion of images to 8-bit cells, and grids of cells."""

from typing import Any

import numpy as np

from genesis_keras.types import Array
from genesis_keras.visualization.palette import colour_labels

SEPARATOR = 2  # pixels between cells
_CELL_WIDTH = 96  # minimum width of a cell in pixels if the scale is not given
_CHECKER = (8, 255, 225)  # side of a square in pixels, light grey, dark grey


def check_images(images: Any, argument: str) -> Array:
    """Returns images `[N, H, W, 3]` as an array, or raises `ValueError`."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or len(images) < 1:
        raise ValueError(
            f"{argument} must have shape [N, H, W, 3]. Received: {images.shape}"
        )
    return images


def check_scale(scale: int, width: int) -> int:
    """Returns the scale; by default cells are at least 96 pixels wide."""
    scale = -(-_CELL_WIDTH // width) if scale is None else scale
    if int(scale) != scale or scale < 1:
        raise ValueError(f"scale must be a positive int. Received: {scale!r}")
    return int(scale)


def as_uint8(images: Array) -> Array:
    """Converts floats in [0, 1] to 8 bits; NaN (of a diverged model) is black."""
    if images.dtype == np.uint8:
        return images
    images = np.clip(np.nan_to_num(images.astype(np.float64)), 0.0, 1.0)
    return np.round(255.0 * images).astype(np.uint8)


def colour_masks(masks: Array) -> Array:
    """Converts log masks `[B, K, H, W, 1]` to colours of slots, `[B, H, W, 3]`."""
    return colour_labels(masks[..., 0].argmax(axis=1), zero_is_background=False)


def upscale(images: Array, scale: int) -> Array:
    """Repeats every pixel of images `[N, H, W, C]`."""
    return images.repeat(scale, axis=1).repeat(scale, axis=2)


def over_checker(images: Array, alpha: Array, scale: int) -> Array:
    """Blends images `[B, H, W, 3]` with a checkerboard by alpha, and upscales."""
    alpha = upscale(alpha, scale)
    square, light, dark = _CHECKER
    rows, columns = np.indices(alpha.shape[1:3]) // square
    checker = np.where((rows + columns) % 2, dark, light)[..., None]  # [H, W, 1]
    mixed = alpha * upscale(as_uint8(images), scale) + (1.0 - alpha) * checker
    return as_uint8(mixed / 255.0)


def tile(cells: Array) -> Array:
    """Arranges cells `[rows, columns, h, w, 3]` in a grid with white lines."""
    line = [(0, 0), (0, 0), (0, SEPARATOR), (0, SEPARATOR), (0, 0)]
    cells = np.pad(cells, line, constant_values=255)
    rows, columns, height, width, _ = cells.shape
    picture = cells.swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    border = [(SEPARATOR, 0), (SEPARATOR, 0), (0, 0)]
    return np.pad(picture, border, constant_values=255)
