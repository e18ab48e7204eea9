"""PNG and JPEG bytes -> images of the model's size, inside the graph."""

import tensorflow as tf

from genesis_keras.data.pictures import decode_picture
from genesis_keras.data.preprocessing import crop_and_resize

MAX_PIXELS = 4096**2
"""Of one encoded image; a larger one is refused before it is decoded."""


def decode_images(encoded, side):
    """Decodes images and brings them to the model's size, one at a time.

    They are read as in training, see `data.pictures`: turned as their EXIF
    orientation says, transparent pixels on white. What is not square loses its longer
    sides: the centred square is resized, bilinearly.

    Args:
        encoded: Strings `[B]`, each a PNG or JPEG file of any size.
        side: Side of the results, in pixels.

    Returns:
        uint8 `[B, side, side, 3]`.

    Raises:
        tf.errors.InvalidArgumentError: In the graph, for what is not such a file, is
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
