"""Writing of pictures to files."""

import numpy as np
from PIL import Image

from genesis_keras.storage import local_path, replacing
from genesis_keras.types import Array, Config, PathLike

TEXT_WIDTH = 5.5
"""Width of a figure in print, in inches: the text width of a NeurIPS page."""


def save_png(path: PathLike, image: Array) -> None:
    """Writes a picture atomically.

    Args:
        path: str or path-like; missing folders are created.
        image: uint8 array `[height, width, 3]`.

    Raises:
        ValueError: If the image has another shape or dtype.
        OSError: If it cannot be written; an existing file is not changed.
    """
    image = _check_picture(image)
    with replacing(path) as partial:
        Image.fromarray(image).save(partial, format="PNG", optimize=True)


def save_pdf(path: PathLike, image: Array, width: int = TEXT_WIDTH) -> None:
    """Writes a picture as a PDF page of its size, atomically.

    Args:
        path: str or path-like; missing folders are made.
        image: uint8 array `[height, width, 3]`.
        width: Float, width of the page in inches.

    Raises:
        ValueError: If the image has another shape or dtype, or the width is not
            positive.
        OSError: If it cannot be written; an existing file is not changed.
    """
    image = _check_picture(image)
    if not width > 0:
        raise ValueError(f"width must be positive. Received: {width}")
    page = Image.fromarray(image)
    # Pillow stores the page as a JPEG; quality 95 with full chroma has no visible
    # artefacts.
    options = {"resolution": page.width / width, "quality": 95, "subsampling": 0}
    with replacing(path) as partial:
        page.save(partial, format="PDF", **options)


def save_figures(folder: PathLike, figures: Config, pdf: bool = False) -> None:
    """Writes pictures and charts into a folder.

    Args:
        folder: Path-like; created if it does not exist.
        figures: Dict from names to uint8 arrays `[height, width, 3]`, or
            `matplotlib.figure.Figure`s, whose PDFs have vector graphics.
        pdf: bool, whether to write each as a PDF as well.

    Raises:
        ValueError: See `save_png`.
        OSError: See `save_png`.
    """
    for name, figure in figures.items():
        path = local_path(folder) / name
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
