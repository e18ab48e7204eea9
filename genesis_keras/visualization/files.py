"""Pictures as files."""

import pathlib

import numpy as np
from PIL import Image

from genesis_keras.storage import replacing

TEXT_WIDTH = 5.5
"""Inches that a figure is wide in print: the text of a NeurIPS page."""


def save_png(path, image):
    """Writes a picture, whole or not at all.

    Args:
        path: str or path-like; missing folders are made.
        image: uint8 array `[height, width, 3]`.

    Raises:
        ValueError: if the image is of another shape or dtype.
        OSError: if it cannot be written; a picture there before is intact.
    """
    image = _check_picture(image)
    with replacing(path) as partial:
        Image.fromarray(image).save(partial, format="PNG", optimize=True)


def save_pdf(path, image, width=TEXT_WIDTH):
    """Writes a picture as a PDF page of its own size, whole or not at all.

    Args:
        path: str or path-like; missing folders are made.
        image: uint8 array `[height, width, 3]`.
        width: float, inches that the page is wide.

    Raises:
        ValueError: if the image is of another shape or dtype, or the width not
            positive.
        OSError: if it cannot be written; a file there before is intact.
    """
    image = _check_picture(image)
    if not width > 0:
        raise ValueError(f"width must be positive. Received: {width}")
    page = Image.fromarray(image)
    # Pillow stores the page as a JPEG: at 95, with full colour, nothing is seen of it.
    options = {"resolution": page.width / width, "quality": 95, "subsampling": 0}
    with replacing(path) as partial:
        page.save(partial, format="PDF", **options)


def save_figures(folder, figures, pdf=False):
    """Writes pictures and charts into a folder.

    Args:
        folder: path-like; made if it is not there.
        figures: dict of name -> uint8 array `[height, width, 3]`, or a
            `matplotlib.figure.Figure`, whose PDF has vector graphics.
        pdf: bool, whether each is written as a PDF too.

    Raises:
        ValueError: see `save_png`.
        OSError: see `save_png`.
    """
    for name, figure in figures.items():
        path = pathlib.Path(folder) / name
        if hasattr(figure, "savefig"):
            for ending in ["png", "pdf"] if pdf else ["png"]:
                with replacing(path.with_name(f"{name}.{ending}")) as partial:
                    figure.savefig(partial, format=ending, dpi=150)
        else:
            save_png(path.with_name(f"{name}.png"), figure)
            if pdf:
                save_pdf(path.with_name(f"{name}.pdf"), figure)


def _check_picture(image):
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8:
        raise ValueError(
            "image must be uint8 of shape [height, width, 3]. "
            f"Received: shape={image.shape}, dtype={image.dtype}"
        )
    return image
