"""Checks of encoded images that a data set stores without re-encoding."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
    tf.errors.InvalidArgumentError,
)


def checked_image(data: bytes, size: tuple[int, int], name: str) -> io.BytesIO:
    """Returns an encoded image for TFDS, after checking it.

    For the check it is decoded by TensorFlow, like when the data set is read.

    Args:
        data: A PNG or JPEG file.
        size: The height and width it must have.
        name: Of the file, for messages.

    Raises:
        ValueError: If it is no such image.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
        if (height, width) == tuple(size):
            tf.io.decode_image(data, expand_animations=False)
    except _DAMAGED as error:
        raise ValueError(f"{name} is damaged: {_reason(error)}") from error
    if (height, width) != tuple(size):
        raise ValueError(
            f"{name} is {height}x{width} pixels instead of {size[0]}x{size[1]}"
        )
    return io.BytesIO(data)


def decode_png(data: bytes, size: tuple[int, int], name: str) -> np.ndarray:
    """Decodes a PNG to the integers stored in it.

    Args:
        data: The file.
        size: The height and width it must have.
        name: Of the file, for messages.

    Returns:
        uint8 [H, W, C].

    Raises:
        ValueError: If it is no such image.
    """
    checked_image(data, size, name)
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.array(image)
    except _DAMAGED as error:
        raise ValueError(f"{name} is damaged: {error}") from error
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.dtype != np.uint8:
        raise ValueError(f"{name} has pixels of {pixels.dtype} instead of 8 bits")
    return pixels.reshape(*size, -1)


def _reason(error):
    """Returns the first line of an error, without names of TensorFlow operations."""
    if not isinstance(error, tf.errors.OpError):
        return error
    first = error.message.partition("\n")[0]
    return first.rpartition("}} ")[2].partition(" [Op:")[0]
