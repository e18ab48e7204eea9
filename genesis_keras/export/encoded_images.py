"""Decodes PNG and JPEG files to images of the model's size inside the graph."""

import tensorflow as tf

from genesis_keras.data.pictures import decode_picture
from genesis_keras.data.preprocessing import crop_and_resize
from genesis_keras.types import Tensor

MAX_PIXELS = 4096**2
"""Maximum pixels of an encoded image; larger ones are rejected before decoding."""


def decode_images(encoded: Tensor, side: int) -> Tensor:
    """Decodes images and resizes them to the model's size, one at a time.

    Images are decoded as in training, see `data.pictures`: they are rotated according
    to their EXIF orientation, and transparent pixels become white. The largest centred
    square is then resized bilinearly.

    Args:
        encoded: Strings `[B]`, each a PNG or JPEG file of any size.
        side: Side of the output images, in pixels.

    Returns:
        uint8 `[B, side, side, 3]`.

    Raises:
        tf.errors.InvalidArgumentError: In the graph, if a file is not PNG or JPEG, is
            damaged or has too many pixels.
    """

    def decode(index):
        name = tf.strings.format("encoded_images[{}]", index)
        image = decode_picture(encoded[index], name, MAX_PIXELS)
        return crop_and_resize({"image": image}, side)["image"]

    return tf.map_fn(
        decode,
        tf.range(tf.shape(encoded)[0]),
        fn_output_signature=tf.TensorSpec([side, side, 3], "uint8"),
        parallel_iterations=1,
    )
