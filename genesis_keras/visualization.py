"""Pictures of what a model sees: NumPy arrays in, 8-bit RGB arrays out.

Colour k of the palette always means slot k, in every picture of every run, so that
panels can be compared. Images are floats in `[0, 1]`, which are clipped, or uint8.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genesis_keras.storage import replacing

# Twenty colours chosen to be told apart (after Sasha Trubetskoy), without the greys,
# which mean background, ignored and "no slot" here.
PALETTE = np.array(
    [
        (230, 25, 75),
        (60, 180, 75),
        (255, 225, 25),
        (0, 130, 200),
        (245, 130, 48),
        (145, 30, 180),
        (70, 240, 240),
        (240, 50, 230),
        (210, 245, 60),
        (250, 190, 212),
        (0, 128, 128),
        (220, 190, 255),
        (170, 110, 40),
        (255, 250, 200),
        (128, 0, 0),
        (170, 255, 195),
        (128, 128, 0),
        (255, 215, 180),
        (0, 0, 128),
        (110, 120, 255),
    ],
    dtype=np.uint8,
)
BACKGROUND = np.array((40, 40, 40), np.uint8)
IGNORED = np.array((160, 160, 160), np.uint8)

_SEPARATOR = 2  # pixels between cells
_CELL_WIDTH = 96  # pixels a cell gets at least, when the scale is not given
_HEADER_HEIGHT = 36  # pixels, two lines of text and the bar of a slot
_FONT_SIZES = range(12, 6, -1)
_CHECKER = (8, 255, 225)  # pixels of a square, its light and its dark grey

_OUTPUT_CHANNELS = {
    "reconstruction": 3,
    "components": 3,
    "log_masks": 1,
    "log_object_masks": 1,
}


def colour_labels(labels, zero_is_background=True):
    """Colours every label with its own colour of the palette.

    Args:
        labels: integer array of any shape. Labels past the end of `PALETTE` start
            it again; negative labels are `IGNORED`.
        zero_is_background: bool, label 0 is `BACKGROUND`, as in a ground truth.
            False: it is colour 0, as for slots, where any may be the background.

    Returns:
        uint8 array of the shape of `labels` and a last axis of 3.

    Raises:
        ValueError: if the labels are not integers.
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers. Received: dtype={labels.dtype}")
    colours = PALETTE[labels % len(PALETTE)]
    if zero_is_background:
        colours[labels == 0] = BACKGROUND
    colours[labels < 0] = IGNORED
    return colours


def segmentation_panel(images, outputs, true_labels=None, max_images=8, scale=None):
    """Draws one row for each image: what went in, what came out, and every slot.

    The columns are the input, the ground truth when given, the reconstruction, the
    attention and the object masks (the colour of the largest one at each pixel) and
    then the slots: each component through its object mask, over a checkerboard. A
    slot beyond the image's `num_slots` is left grey. A bar above each slot column has
    the slot's colour.

    Args:
        images: array `[B, H, W, 3]`.
        outputs: dict with arrays or tensors `reconstruction [B, H, W, 3]`,
            `components [B, K, H, W, 3]`, `log_masks [B, K, H, W, 1]`,
            `log_object_masks [B, K, H, W, 1]` and, optionally, `num_slots [B]`.
        true_labels: optional integer array `[B, H, W]` or `[B, H, W, 1]`.
        max_images: int, the first so many images are drawn.
        scale: int, pixels of the picture for one pixel of an image. Default: as
            many as make a cell 96 pixels wide.

    Returns:
        uint8 array `[height, width, 3]`.

    Raises:
        ValueError: on a missing output, or an array of the wrong shape.
    """
    images = _as_uint8(_check_images(images, "images")[:max_images])  # [B, H, W, 3]
    size = images.shape[:3]
    scale = _check_scale(scale, size[2])
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
    columns.append(("reconstruction", _as_uint8(reconstruction)))
    columns.append(("attention masks", _colour_masks(masks)))
    columns.append(("object masks", _colour_masks(object_masks)))
    columns = [(title, _upscale(cells, scale)) for title, cells in columns]

    slots = components.shape[1]
    num_slots = np.asarray(outputs.get("num_slots", np.full(len(images), slots)))
    for k in range(slots):
        alpha = np.exp(object_masks[:, k].astype(np.float64))  # [B, H, W, 1]
        cells = _over_checker(components[:, k], alpha, scale)
        cells[num_slots[: len(images)] <= k] = IGNORED
        columns.append((f"slot {k}", cells))
    bars = [None] * (len(columns) - slots) + list(range(slots))
    cells = np.stack([cells for _, cells in columns], axis=1)  # [B, columns, h, w, 3]
    return np.concatenate([_header(columns, bars), _tile(cells)])


def image_grid(images, columns=None, scale=None):
    """Puts images side by side, row by row: samples from the prior, for one.

    Args:
        images: array `[N, H, W, 3]`.
        columns: int, images in a row. Default: as square as can be.
        scale: int, pixels of the picture for one pixel of an image. Default: as
            many as make a cell 96 pixels wide.

    Returns:
        uint8 array `[height, width, 3]`; places without an image are white.

    Raises:
        ValueError: on an array of the wrong shape or a number below 1.
    """
    images = _as_uint8(_check_images(images, "images"))
    if columns is None:
        columns = int(np.ceil(np.sqrt(len(images))))
    if columns < 1:
        raise ValueError(f"columns must be at least 1. Received: {columns}")
    cells = _upscale(images, _check_scale(scale, images.shape[2]))
    missing = -len(cells) % columns
    cells = np.pad(cells, [(0, missing), *[(0, 0)] * 3], constant_values=255)
    return _tile(cells.reshape(-1, columns, *cells.shape[1:]))


def save_png(path, image):
    """Writes a picture, whole or not at all.

    Args:
        path: str or path-like; missing folders are made.
        image: uint8 array `[height, width, 3]`.

    Raises:
        ValueError: if the image is of another shape or dtype.
        OSError: if it cannot be written; a picture there before is intact.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8:
        raise ValueError(
            "image must be uint8 of shape [height, width, 3]. "
            f"Received: shape={image.shape}, dtype={image.dtype}"
        )
    with replacing(path) as partial:
        Image.fromarray(image).save(partial, format="PNG", optimize=True)


def _output(outputs, key, size):
    """Returns the first images of an output, checked against `size` [B, H, W]."""
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


def _check_images(images, argument):
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or len(images) < 1:
        raise ValueError(
            f"{argument} must have shape [N, H, W, 3]. Received: {images.shape}"
        )
    return images


def _check_scale(scale, width):
    scale = -(-_CELL_WIDTH // width) if scale is None else scale
    if int(scale) != scale or scale < 1:
        raise ValueError(f"scale must be a positive int. Received: {scale!r}")
    return int(scale)


def _as_uint8(images):
    """Floats in [0, 1] to 8 bits; what a diverged model puts out as NaN is black."""
    if images.dtype == np.uint8:
        return images
    images = np.clip(np.nan_to_num(images.astype(np.float64)), 0.0, 1.0)
    return np.round(255.0 * images).astype(np.uint8)


def _colour_masks(masks):
    """Log masks `[B, K, H, W, 1]` to the colours of the largest, `[B, H, W, 3]`."""
    return colour_labels(masks[..., 0].argmax(axis=1), zero_is_background=False)


def _upscale(images, scale):
    return images.repeat(scale, axis=1).repeat(scale, axis=2)


def _over_checker(images, alpha, scale):
    """Lays transparent images `[B, H, W, 3]` over a checkerboard, scaled up."""
    alpha = _upscale(alpha, scale)
    square, light, dark = _CHECKER
    rows, columns = np.indices(alpha.shape[1:3]) // square
    checker = np.where((rows + columns) % 2, dark, light)[..., None]  # [H, W, 1]
    mixed = alpha * _upscale(_as_uint8(images), scale) + (1.0 - alpha) * checker
    return _as_uint8(mixed / 255.0)


def _tile(cells):
    """Joins cells `[rows, columns, h, w, 3]`, white lines between and around them."""
    line = [(0, 0), (0, 0), (0, _SEPARATOR), (0, _SEPARATOR), (0, 0)]
    cells = np.pad(cells, line, constant_values=255)
    rows, columns, height, width, _ = cells.shape
    picture = cells.swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    border = [(_SEPARATOR, 0), (_SEPARATOR, 0), (0, 0)]
    return np.pad(picture, border, constant_values=255)


def _header(columns, bars):
    """Draws the titles and, for columns of a slot, a bar in the slot's colour."""
    width = columns[0][1].shape[2]
    tiles = []
    for (title, _), slot in zip(columns, bars, strict=True):
        tile = Image.new("RGB", (width, _HEADER_HEIGHT), "white")  # clips the text
        draw = ImageDraw.Draw(tile)
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
        tiles.append(np.asarray(tile))
    return _tile(np.stack(tiles)[None])[: _HEADER_HEIGHT + _SEPARATOR]


def _fit(title, width):
    """Breaks a title at its space, then shrinks its font, until it fits the column."""
    font = ImageFont.load_default(_FONT_SIZES[0])
    if font.getlength(title) > width:
        title = title.replace(" ", "\n")
    for size in _FONT_SIZES:
        font = ImageFont.load_default(size)
        if max(font.getlength(line) for line in title.split("\n")) <= width:
            break
    return title, font
