"""Panels of a model's outputs, with one row per image, and grids of images."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genesis_keras.types import Array, Outputs
from genesis_keras.visualization.cells import (
    SEPARATOR,
    as_uint8,
    check_images,
    check_scale,
    colour_masks,
    over_checker,
    tile,
    upscale,
)
from genesis_keras.visualization.palette import IGNORED, PALETTE, colour_labels

_HEADER_HEIGHT = 36  # pixels, for two lines of text and the bar of a slot
_FONT_SIZES = range(12, 6, -1)

_OUTPUT_CHANNELS = {
    "reconstruction": 3,
    "components": 3,
    "log_masks": 1,
    "log_object_masks": 1,
}


def segmentation_panel(
    images: Array,
    outputs: Outputs,
    true_labels: Array | None = None,
    max_images: int = 8,
    scale: int | None = None,
) -> Array:
    """Draws a row for each image: input, outputs, and every slot.

    The columns are the input, the ground truth (if given), the reconstruction, the
    attention and the object masks (the colour of the largest at each pixel), and the
    slots: each component with its object mask as the alpha channel, over a
    checkerboard. Slots beyond the image's `num_slots` are grey. The bar above the
    column of a slot has the slot's colour.

    Args:
        images: Array `[B, H, W, 3]`.
        outputs: Dict with arrays or tensors `reconstruction [B, H, W, 3]`,
            `components [B, K, H, W, 3]`, `log_masks [B, K, H, W, 1]`,
            `log_object_masks [B, K, H, W, 1]` and, optionally, `num_slots [B]`.
        true_labels: Optional integer array `[B, H, W]` or `[B, H, W, 1]`.
        max_images: int, maximum number of images to draw.
        scale: int, upscaling factor of the images. By default images are at least
            96 pixels wide.

    Returns:
        uint8 array `[height, width, 3]`.

    Raises:
        ValueError: If an output is missing, or an array has the wrong shape.
    """
    images = as_uint8(check_images(images, "images")[:max_images])  # [B, H, W, 3]
    size = images.shape[:3]
    scale = check_scale(scale, size[2])
    reconstruction, components, masks, object_masks = (
        _output(outputs, key, size) for key in _OUTPUT_CHANNELS
    )

    columns = [("input", images)]
    if true_labels is not None:
        labels = np.asarray(true_labels)[:max_images]
        if labels.size != np.prod(size):
            raise ValueError(
                "true_labels must have shape [B, H, W] or [B, H, W, 1] like images. "
                f"Received: {labels.shape} for images {images.shape}"
            )
        columns.append(("ground truth", colour_labels(labels.reshape(size))))
    columns.append(("reconstruction", as_uint8(reconstruction)))
    columns.append(("attention masks", colour_masks(masks)))
    columns.append(("object masks", colour_masks(object_masks)))
    columns = [(title, upscale(cells, scale)) for title, cells in columns]

    slots = components.shape[1]
    num_slots = np.asarray(outputs.get("num_slots", np.full(len(images), slots)))
    for k in range(slots):
        alpha = np.exp(object_masks[:, k].astype(np.float64))  # [B, H, W, 1]
        cells = over_checker(components[:, k], alpha, scale)
        cells[num_slots[: len(images)] <= k] = IGNORED
        columns.append((f"slot {k}", cells))
    bars = [None] * (len(columns) - slots) + list(range(slots))
    cells = np.stack([cells for _, cells in columns], axis=1)  # [B, columns, h, w, 3]
    return np.concatenate([_header(columns, bars), tile(cells)])


def image_grid(
    images: Array, columns: int | None = None, scale: int | None = None
) -> Array:
    """Arranges images, such as samples from the prior, in a grid.

    Args:
        images: Array `[N, H, W, 3]`.
        columns: int, number of columns. By default the grid is as square as possible.
        scale: int, upscaling factor of the images. By default images are at least
            96 pixels wide.

    Returns:
        uint8 array `[height, width, 3]`; empty cells are white.

    Raises:
        ValueError: If an array has the wrong shape or a number is below 1.
    """
    images = as_uint8(check_images(images, "images"))
    if columns is None:
        columns = int(np.ceil(np.sqrt(len(images))))
    if columns < 1:
        raise ValueError(f"columns must be at least 1. Received: {columns}")
    cells = upscale(images, check_scale(scale, images.shape[2]))
    missing = -len(cells) % columns
    cells = np.pad(cells, [(0, missing), *[(0, 0)] * 3], constant_values=255)
    return tile(cells.reshape(-1, columns, *cells.shape[1:]))


def _output(outputs, key, size):
    """Returns an output for the first images, after checking its `size` [B, H, W]."""
    if key not in outputs:
        raise ValueError(f"outputs must have {key!r}. Received: {sorted(outputs)}")
    array = np.asarray(outputs[key])[: size[0]]
    channels = _OUTPUT_CHANNELS[key]
    per_slot = key != "reconstruction"
    found = array.shape[:1] + array.shape[2:] if per_slot else array.shape
    if array.ndim != 4 + per_slot or found != (*size, channels):
        expected = f"[{size[0]}, {'K, ' * per_slot}{size[1]}, {size[2]}, {channels}]"
        raise ValueError(
            f"outputs[{key!r}] must have shape {expected}. Received: {array.shape}"
        )
    return array


def _header(columns, bars):
    """Draws the titles and, for slots, a bar in the slot's colour."""
    width = columns[0][1].shape[2]
    titles = []
    for (title, _), slot in zip(columns, bars, strict=True):
        title_cell = Image.new("RGB", (width, _HEADER_HEIGHT), "white")  # clips text
        draw = ImageDraw.Draw(title_cell)
        text, font = _fit(title, width)
        draw.multiline_text(
            (width / 2, _HEADER_HEIGHT / 2),
            text,
            fill="black",
            font=font,
            anchor="mm",
            align="center",
            spacing=2,
        )
        if slot is not None:
            colour = tuple(PALETTE[slot % len(PALETTE)].tolist())
            draw.rectangle((0, _HEADER_HEIGHT - 4, width, _HEADER_HEIGHT), colour)
        titles.append(np.asarray(title_cell))
    return tile(np.stack(titles)[None])[: _HEADER_HEIGHT + SEPARATOR]


def _fit(title, width):
    """Breaks a title at its space, then shrinks its font, to fit the column."""
    font = ImageFont.load_default(_FONT_SIZES[0])
    if font.getlength(title) > width:
        title = title.replace(" ", "\n")
    for size in _FONT_SIZES:
        font = ImageFont.load_default(size)
        if max(font.getlength(line) for line in title.split("\n")) <= width:
            break
    return title, font
