"""Figures for papers: rows of images with labels on the left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genesis_keras.types import Array
from genesis_keras.visualization.cells import (
    SEPARATOR,
    as_uint8,
    check_images,
    check_scale,
    tile,
    upscale,
)
from genesis_keras.visualization.files import TEXT_WIDTH

_POINTS = 8.0  # font size in print, as in the captions of a paper
_MARGIN = 0.5  # around a label, in units of the font size


def labelled_rows(
    rows: Any, titles: Sequence[str] | None = None, scale: int | None = None
) -> Array:
    """Draws rows of images with labels that are legible in print.

    The font size is 8 points if the figure is printed with a width of 5.5 inches, the
    text width of a NeurIPS page.

    Args:
        rows: List of (label, images `[N, H, W, 3]`); labels may have line breaks, and
            rows may differ in N: missing images are white.
        titles: Optional list of str, the titles of the columns.
        scale: int, upscaling factor of the images. By default images are at least 96
            pixels wide.

    Returns:
        uint8 array `[height, width, 3]`.

    Raises:
        ValueError: If there are no rows, images of different sizes, or more titles than
            columns.
    """
    if not rows:
        raise ValueError("rows must not be empty. Received: []")
    cells = [as_uint8(check_images(images, repr(label))) for label, images in rows]
    sizes = {images.shape[1:3] for images in cells}
    if len(sizes) > 1:
        raise ValueError(f"rows must have images of one size. Received: {sizes}")
    columns = max(map(len, cells))
    if titles is not None and len(titles) > columns:
        raise ValueError(f"titles must be at most {columns}. Received: {titles}")
    scale = check_scale(scale, cells[0].shape[2])
    padded = [_pad(upscale(images, scale), columns) for images in cells]
    grid = tile(np.stack(padded))  # [rows (h + 2) + 2, columns (w + 2) + 2, 3]
    labels = [label for label, _ in rows]
    font = _font(labels, grid.shape[1])
    left = _labels(labels, font, padded[0].shape[1])
    picture = np.concatenate([left, grid], axis=1)
    if titles is None:
        return picture
    header = _titles(titles, font, padded[0].shape[2], left.shape[1], picture.shape[1])
    return np.concatenate([header, picture])


def _pad(cells, columns):
    missing = columns - len(cells)
    return np.pad(cells, [(0, missing), *[(0, 0)] * 3], constant_values=255)


def _font(labels, grid_width):
    """Returns the font that has `_POINTS` if the figure is `TEXT_WIDTH` wide."""
    share = _POINTS / (72.0 * TEXT_WIDTH)  # font size relative to the figure's width
    length = _length(ImageFont.load_default(100), labels) / 100.0 + 2 * _MARGIN
    size = share * grid_width / max(1.0 - share * length, 0.5)
    return ImageFont.load_default(max(size, 8.0))


def _length(font, labels):
    lines = [line for label in labels for line in label.split("\n")]
    return max(map(font.getlength, lines))


def _labels(labels, font, height):
    """Draws the column of labels, each centred at its row."""
    margin = _MARGIN * font.size
    width = int(np.ceil(_length(font, labels) + 2 * margin))
    rows = len(labels) * (height + SEPARATOR) + SEPARATOR
    picture = Image.new("RGB", (width, rows), "white")
    draw = ImageDraw.Draw(picture)
    for row, label in enumerate(labels):
        middle = SEPARATOR + row * (height + SEPARATOR) + height / 2
        draw.multiline_text(
            (width - margin, middle), label, "black", font, "rm", align="right"
        )
    return np.asarray(picture)


def _titles(titles, font, cell_width, left, width):
    """Draws the row of titles, each centred at its column and shrunk to fit."""
    height = int(np.ceil(1.6 * font.size))
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for column, title in enumerate(titles):
        middle = left + SEPARATOR + column * (cell_width + SEPARATOR) + cell_width / 2
        fitted = font
        if (length := font.getlength(title)) > cell_width:
            fitted = ImageFont.load_default(font.size * cell_width / length)
        draw.text((middle, height / 2), title, "black", fitted, "mm")
    return np.asarray(picture)
