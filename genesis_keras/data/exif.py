"""Reads and applies the EXIF orientation of photos in a TensorFlow graph.

As in web browsers, only EXIF data before the pixels is considered.
"""

import tensorflow as tf

from genesis_keras.types import Tensor

_ORIENTATION = 0x0112  # the tag
_MAX_ENTRIES = 1024  # of a directory; cameras write a few dozen
_MAX_HEADERS = 1024  # segments or chunks before the pixels, likewise
_SEARCHED = 2**18  # bytes from the start; EXIF has at most 64 kB
_NONE = -1


def orientation_in_jpeg(content: Tensor) -> Tensor:
    """Returns the orientation of a JPEG file.

    Args:
        content: string scalar, the file.

    Returns:
        int64 scalar tensor, 1 to 8; 1 (upright) if it is not specified.
    """
    data = _bytes(content)

    def is_header(place, _):
        marker = _number(data, place, 2)
        # A marker before the start of the scan, 0xFFDA, and the end, 0xFFD9.
        header = (marker >= 0xFF01) & (marker != 0xFFDA) & (marker != 0xFFD9)
        return header & (place + 4 < _length(data))

    def step(place, found):
        marker, size = _number(data, place, 2), _number(data, place + 2, 2)
        is_exif = (marker == 0xFFE1) & _equal(data, place + 4, b"Exif\0\0")
        found = tf.where((found == _NONE) & is_exif, place + 10, found)
        # A marker may be preceded by any number of bytes 0xFF.
        place += tf.where(marker == 0xFFFF, tf.constant(1, "int64"), 2 + size)
        return place, found

    _, found = tf.while_loop(
        is_header, step, _start(2), maximum_iterations=_MAX_HEADERS
    )
    return _orientation(data, found)


def orientation_in_png(content: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the orientation of a PNG file, and whether it has transparent colours.

    Args:
        content: string scalar, the file.

    Returns:
        int64 scalar tensor, 1 to 8, or 1 (upright) if not specified; and a boolean
        scalar tensor: whether a chunk `tRNS` makes colours transparent.
    """
    data = _bytes(content)

    def is_header(place, *_):
        return ~_equal(data, place + 4, b"IDAT") & (place + 8 < _length(data))

    def step(place, found, transparent):
        is_exif = _equal(data, place + 4, b"eXIf")
        found = tf.where((found == _NONE) & is_exif, place + 8, found)
        transparent |= _equal(data, place + 4, b"tRNS")
        return place + 12 + _number(data, place, 4), found, transparent

    _, found, transparent = tf.while_loop(
        is_header,
        step,
        (*_start(8), tf.constant(False)),
        maximum_iterations=_MAX_HEADERS,
    )
    return _orientation(data, found), transparent


def turn(image: Tensor, orientation: Tensor) -> Tensor:
    """Rotates and flips an image such that it is upright.

    Args:
        image: `[H, W, C]`, as stored in the file.
        orientation: int64 scalar tensor, the EXIF orientation from 1 to 8.

    Returns:
        `[H, W, C]`, or `[W, H, C]` if the image was rotated by 90 degrees.
    """

    def is_one_of(*orientations):
        return tf.reduce_any(orientation == tf.constant(orientations, "int64"))

    image = tf.cond(
        is_one_of(5, 6, 7, 8),
        lambda: tf.transpose(image, [1, 0, 2]),
        lambda: tf.identity(image),
    )
    for axis, mirrored in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        image = tf.cond(
            is_one_of(*mirrored),
            lambda image=image, axis=axis: tf.reverse(image, [axis]),
            lambda image=image: tf.identity(image),
        )
    return image


def _orientation(data, start):
    """Reads the orientation from the TIFF data at `start`, which may be -1."""
    little = _equal(data, start, b"II*\0")
    valid = (start >= 0) & (little | _equal(data, start, b"MM\0*"))
    directory = start + _number(data, start + 4, 4, little)
    count = tf.minimum(_number(data, directory, 2, little), _MAX_ENTRIES)
    entries = directory + 2 + 12 * tf.range(count)  # [E]
    tags = _number(data, entries[:, None], 2, little)
    values = _number(data, entries[:, None] + 8, 2, little)
    values = tf.boolean_mask(values, tags == _ORIENTATION)
    value = tf.concat([values, [1]], axis=0)[0]
    return tf.where(valid & (value >= 1) & (value <= 8), value, 1)


def _bytes(content):
    """Returns the start of a file as int64 numbers, followed by a 0."""
    head = tf.io.decode_raw(tf.strings.substr(content, 0, _SEARCHED), "uint8")
    return tf.pad(tf.cast(head, "int64"), [[0, 1]])


def _start(place):
    return tf.constant(place, "int64"), tf.constant(_NONE, "int64")


def _length(data):
    return tf.shape(data, "int64")[0] - 1


def _number(data, place, size, little=False):
    """Reads the integer of `size` bytes at a place, or at `[N, 1]`; 0 past the end."""
    places = tf.clip_by_value(place + tf.range(size, dtype="int64"), 0, _length(data))
    weights = tf.constant([256**i for i in range(size)], "int64")
    weights = tf.where(little, weights, weights[::-1])
    return tf.reduce_sum(tf.gather(data, places) * weights, axis=-1)


def _equal(data, place, text):
    places = place + tf.range(len(text), dtype="int64")
    places = tf.clip_by_value(places, 0, _length(data))
    return tf.reduce_all(tf.gather(data, places) == list(text))
