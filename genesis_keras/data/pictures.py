"""The decoder of PNG and JPEG files.

It is written as a TensorFlow graph, so that training on a folder of pictures and a
served model decode files identically. A picture looks as in a web browser on a white
page: it is rotated according to its EXIF orientation, and transparent pixels are
blended with `BACKGROUND`. Only the first picture of an MPO file is read, and data after
a picture (such as the video of a motion photo) is ignored. Lossless JPEG raises an
error, since TensorFlow cannot decode it.
"""

import functools
import re

import numpy as np
import tensorflow as tf

from genesis_keras.data import exif
from genesis_keras.types import Tensor

BACKGROUND = 255
"""Grey level (0 to 255) with which transparent pixels are blended: white."""
_PNG_START = bytes([137, 80, 78, 71, 13, 10, 26, 10])
_PNG_HEADER = 26  # bytes up to and including width, height, depth and colour type
_PNG_WITH_ALPHA = (4, 6)  # colour types
_JPEG_START = bytes([255, 216, 255])


def decode_picture(content: Tensor, name: str | Tensor, max_pixels: int) -> Tensor:
    """Decodes a PNG or JPEG file, in a graph or eagerly.

    Args:
        content: string scalar, the file.
        name: string scalar or str, the name of the file in error messages.
        max_pixels: int; a picture with more pixels raises an error before it is
            decoded.

    Returns:
        uint8 `[H, W, 3]`.

    Raises:
        tf.errors.InvalidArgumentError: If the file is not PNG or JPEG, is damaged or
            truncated, or has too many pixels.
    """
    content = _checked_start(content, name)
    is_png = _starts_with(content, _PNG_START)
    height, width = tf.unstack(
        tf.cond(is_png, lambda: _png_size(content), lambda: _jpeg_size(content))
    )
    size = tf.strings.format("{} x {}", [height, width])
    content = _require(
        (height > 0) & (width > 0) & (height * width <= max_pixels),
        [name, f" must have at most {max_pixels} pixels; got ", size],
        content,
    )
    image, orientation = tf.cond(
        is_png, lambda: _read_png(content), lambda: _read_jpeg(content)
    )
    return tf.ensure_shape(exif.turn(image, orientation), [None, None, 3])


def decode_bytes(content: bytes, max_pixels: int) -> np.ndarray:
    """Decodes a PNG or JPEG file outside of a graph.

    Args:
        content: bytes, the file.
        max_pixels: as of `decode_picture`.

    Returns:
        uint8 array `[H, W, 3]`.

    Raises:
        ValueError: as `decode_picture` does.
    """
    try:
        return _traced(max_pixels)(content).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(reason_of(error)) from None


def reason_of(error: Exception) -> str:
    """Returns what TensorFlow says, without the names of its operations.

    Args:
        error: the `tf.errors.OpError` that decoding raised.
    """
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", error.message).strip()
    found = re.search(r"assertion failed: \[(.*?)\]\s*$", text.splitlines()[0])
    if found:
        return found[1].replace("\\n", " ")
    return f"it is damaged, ends early or is of a kind not supported ({text[:80]})"


@functools.cache
def _traced(max_pixels):
    """The decoder as a graph: its search for EXIF is slow without."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def decode(content):
        return decode_picture(content, "it", max_pixels)

    return decode


def orientation_of_png(content: Tensor) -> Tensor:
    """Returns the EXIF orientation of a PNG file, 1 to 8, a scalar tensor.

    Args:
        content: string scalar, the file.
    """
    return exif.orientation_in_png(content)[0]


def _checked_start(content, name):
    length = tf.strings.length(content)
    is_png = _starts_with(content, _PNG_START) & (length >= _PNG_HEADER)
    start = tf.io.decode_raw(tf.strings.substr(content, 0, 8), "uint8")
    found = tf.strings.format("{} bytes that begin {}", [length, start])
    return _require(
        is_png | _starts_with(content, _JPEG_START),
        [name, " must be a PNG or JPEG file; got ", found],
        content,
    )


def _starts_with(content, start):
    return tf.strings.substr(content, 0, len(start)) == start


def _png_size(content):
    """Reads height and width from the header, int64."""
    width_and_height = tf.strings.substr(content, 16, 8)
    values = tf.io.decode_raw(width_and_height, "uint8")
    values = tf.reshape(tf.cast(values, "int64"), [2, 4])
    return tf.reduce_sum(values * [2**24, 2**16, 2**8, 1], axis=1)[::-1]


def _jpeg_size(content):
    return tf.image.extract_jpeg_shape(content, output_type="int64")[:2]


def _read_png(content):
    orientation, has_transparent = exif.orientation_in_png(content)
    colour_type = tf.io.decode_raw(tf.strings.substr(content, 25, 1), "uint8")[0]
    for with_alpha in _PNG_WITH_ALPHA:
        has_transparent |= colour_type == with_alpha
    # Alpha is only decoded if there is transparency, since TensorFlow returns a wrong
    # alpha for pixels of less than 8 bits.
    image = tf.cond(
        has_transparent,
        lambda: _blend(tf.io.decode_png(content, channels=4)),
        lambda: tf.io.decode_png(content, channels=3),
    )
    return image, orientation


def _blend(image):
    """Blends `[H, W, 4]` with the background; returns `[H, W, 3]`, rounded."""
    image = tf.cast(image, "int32")
    colours, alpha = image[..., :3], image[..., 3:]
    return tf.cast((colours * alpha + BACKGROUND * (255 - alpha) + 127) // 255, "uint8")


def _read_jpeg(content):
    return tf.io.decode_jpeg(content, channels=3), exif.orientation_in_jpeg(content)


def _require(condition, message, content):
    """Returns `content` after asserting the condition."""
    message = tf.strings.join(message)
    with tf.control_dependencies([tf.debugging.Assert(condition, [message])]):
        return tf.identity(content)
