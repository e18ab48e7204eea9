"""Appearance of pixels for embeddings: two chromaticities and the brightness."""

import math

import tensorflow as tf

from genesis_keras.types import Tensor

# Opponent axes of a colour: red against green, yellow against blue. Unit vectors
# orthogonal to grey, and thus independent of brightness.
_RED_GREEN = tuple(x / math.sqrt(2.0) for x in (1.0, -1.0, 0.0))
_YELLOW_BLUE = tuple(x / math.sqrt(6.0) for x in (1.0, 1.0, -2.0))
# With this factor pure red is at a distance of about 1 from grey.
_CHROMATICITY_SCALE = 1.5
_BRIGHTNESS_SCALE = 0.2


def appearance(
    images: Tensor, offset: float = 0.3, brightness: float = _BRIGHTNESS_SCALE
) -> Tensor:
    """Returns the appearance of each pixel, largely invariant to shading.

    With `c = 1.5 * rgb / (r + g + b + offset)` the two chromaticities are `(c_r - c_g)
    / sqrt(2)` and `(c_r + c_g - 2 c_b) / sqrt(6)`. A change of the light's intensity
    scales `rgb` but does not change `rgb / (r + g + b)`; the offset reduces the noise
    of dark pixels. The third value is the mean of `rgb`, scaled down because it is most
    affected by shading.

    Args:
        images: `[B, H, W, 3]` floats in [0, 1].
        offset: Added to the sum of the channels; must be positive. An offset of 0 would
            be exactly invariant to shading, but undefined for black.
        brightness: Factor on the mean of the channels.

    Returns:
        `[B, H, W, 3]` float32: red-green and yellow-blue chromaticity, brightness. The
        chromaticities are approximately in [-1, 1], and 0 for grey pixels.

    Raises:
        ValueError: If `offset` is not positive.
    """
    if not offset > 0:
        raise ValueError(f"offset must be positive; got {offset}")
    images = tf.cast(images, "float32")
    total = tf.reduce_sum(images, axis=-1, keepdims=True)  # [B, H, W, 1]
    colour = _CHROMATICITY_SCALE * images / (total + offset)
    axes = tf.constant([_RED_GREEN, _YELLOW_BLUE])
    chromaticity = tf.einsum("bhwc,ac->bhwa", colour, axes)  # [B, H, W, 2]
    return tf.concat([chromaticity, brightness * total / 3.0], axis=-1)
