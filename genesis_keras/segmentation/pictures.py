"""Finds and reads pictures."""

import io
import os
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from genesis_keras.data import picture_files
from genesis_keras.storage import local_path
from genesis_keras.types import Array, PathLike

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
MAX_PIXELS = 100_000_000
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_DAMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def find_pictures(names: Iterable[PathLike]) -> list[pathlib.Path]:
    """Returns the paths of pictures.

    Args:
        names: Files, and folders whose pictures (including subfolders) are found by the
            rules of `data.picture_files`.

    Raises:
        ValueError: If a name is neither a file nor a folder, or a folder has no
            pictures.
    """
    found = []
    for name in names:
        path = local_path(name)
        if path.is_dir():
            files = picture_files.find_pictures(path, endings=ENDINGS)
            picture_files.say_left_out(path, files)
            inside = files.pictures
            if not inside:
                raise ValueError(
                    f"folder {str(name)!r} has no pictures ({', '.join(ENDINGS)})"
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"there is no picture or folder {str(name)!r}")
    return list(dict.fromkeys(found))


def check_start(path: PathLike) -> None:
    """Checks the first bytes of a file, without importing TensorFlow.

    Args:
        path: The file.

    Raises:
        ValueError: If it cannot be read, or is not a PNG, JPEG or WebP file.
    """
    try:
        with open(local_path(path), "rb") as file:
            start = file.read(12)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not (start.startswith((_PNG, _JPEG)) or _is_webp(start)):
        raise _unreadable(path, "it is neither a PNG, JPEG nor WebP file")


def read_picture(picture: Any) -> Array:
    """Returns a picture as uint8 RGB `[H, W, 3]`, as a viewer shows it.

    PNG and JPEG files are read by the decoder of folders of pictures and of served
    models, `genesis_keras.data.pictures`; WebP files, which TensorFlow cannot read,
    by Pillow and the same rules.

    Args:
        picture: Path of a PNG, JPEG or WebP file, a PIL image, or an array `[H, W, 3]`
            or `[H, W]`, uint8 or floats in [0, 1]. Transparent pixels become white.

    Raises:
        ValueError: If it is none of these, or is damaged or too large.
    """
    if isinstance(picture, str | os.PathLike):
        check_start(picture)
        content = local_path(picture).read_bytes()
        decode = _decode_by_pillow if _is_webp(content) else _decode
        return decode(content, picture)
    if isinstance(picture, Image.Image):
        return _from_pillow(picture)
    return _from_array(np.asarray(picture))


def _is_webp(content):
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def _unreadable(path, why):
    return ValueError(f"{str(path)!r} is no picture that can be read: {why}")


def _decode(content, path):
    from genesis_keras.data.pictures import decode_bytes  # imports TensorFlow

    try:
        return decode_bytes(content, MAX_PIXELS)
    except ValueError as error:
        raise _unreadable(path, error) from error


def _decode_by_pillow(content, path):
    try:
        with Image.open(io.BytesIO(content)) as image:
            return _from_pillow(image)
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def _from_pillow(image):
    _check_size(image.size)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # 16-bit grey; Pillow would clip it
        grey = np.round(np.asarray(image) / 257.0).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA"), np.int32)
    colours, alpha = pixels[..., :3], pixels[..., 3:]
    # The formula of `genesis_keras.data.pictures`, on the same white.
    return ((colours * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _check_size(size):
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise ValueError(
            f"image must have 1 to {MAX_PIXELS:,} pixels; got {size[0]} x {size[1]}"
        )


def _from_array(image):
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(f"image must have shape [H, W, 3]; got {image.shape}")
    _check_size(image.shape[1::-1])
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"image must be uint8 or floats in [0, 1]; got {image.dtype}")
    if not (np.isfinite(image).all() and 0 <= image.min() and image.max() <= 1):
        raise ValueError(
            "image must be finite floats in [0, 1]; got "
            f"{np.nanmin(image):g} to {np.nanmax(image):g}"
        )
    return np.round(255.0 * image).astype(np.uint8)
