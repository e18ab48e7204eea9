"""Distribution shifts: labelled images changed on the fly, each by draws of its own.

After Dittadi et al. (2022), "Generalization and Robustness Implications in
Object-Centric Learning", with a stylisation that needs no network.
"""

import math

import tensorflow as tf

from genesis_keras.data.preprocessing import centre_crop, resize_image, resize_labels
from genesis_keras.data.shift_names import SHIFTS
from genesis_keras.types import Dataset

CROPPED = 2 / 3
"""Side of the part that `crop` keeps, as a fraction of the image's."""
OCCLUDER = 0.3
"""Side of the square of `occlusion`, as a fraction of the image's."""
_GREY = 0.5
_IGNORED = -1  # label of pixels that no score counts
_PERIOD = 1 / 8  # of textures, as a fraction of the side
_LEVELS = 4  # brightness levels of a stylised channel
_ALGORITHM = "philox"  # the same draws on every device


def shifted(dataset: Dataset, shift: str, seed: int = 0) -> Dataset:
    """Returns a data set with every image shifted.

    The draws of an image depend on the seed and on its place in the data set alone,
    not on the size of the batches.

    Args:
        dataset: Batches of {"image": float32 `[B, S, S, 3]` in [0, 1],
            "segmentation": integers `[B, S, S, 1]`}, in a fixed order.
        shift: One of `SHIFTS`.
        seed: Random seed.

    Returns:
        Batches of the same sizes; further keys are left out.

    Raises:
        ValueError: The shift is not known, or the images have no labels.
    """
    if shift not in SHIFTS:
        raise ValueError(f"shift must be one of {', '.join(SHIFTS)}; got {shift!r}")
    if "segmentation" not in dataset.element_spec:
        raise ValueError(f"shift={shift!r} needs labelled images; these have no labels")

    def shift_batch(first, batch):
        size = tf.shape(batch["image"])[0]
        places = first + tf.range(size, dtype=tf.int64)

        def shift_one(example):
            image, labels, place = example
            seeds = tf.random.split(tf.stack([tf.constant(seed, tf.int64), place]), 4)
            image, labels = _FUNCTIONS[shift](image, labels, tf.unstack(seeds))
            return tf.clip_by_value(image, 0.0, 1.0), labels

        columns = (batch["image"], batch["segmentation"], places)
        signature = tuple(
            tf.TensorSpec(column.shape[1:], column.dtype) for column in columns[:2]
        )
        images, labels = tf.map_fn(shift_one, columns, fn_output_signature=signature)
        return first + tf.cast(size, tf.int64), {
            "image": images,
            "segmentation": labels,
        }

    return dataset.scan(tf.constant(0, tf.int64), shift_batch)


def _crop(image, labels, seeds):
    """The centre, two thirds of each side, enlarged to the whole."""
    side = image.shape[0]
    kept = max(1, round(side * CROPPED))
    return (
        resize_image(centre_crop(image, kept), side),
        resize_labels(centre_crop(labels, kept), side),
    )


def _occlusion(image, labels, seeds):
    """A grey square at a random place, whose pixels no score counts."""
    height, width = image.shape[:2]
    side = max(1, round(height * OCCLUDER))
    last = tf.constant([height - side, width - side]) + 1
    top, left = tf.unstack(
        tf.cast(tf.cast(last, tf.float32) * _uniform([2], seeds[0]), tf.int32)
    )
    rows, columns = tf.range(height)[:, None], tf.range(width)[None, :]
    covered = (rows >= top) & (rows < top + side)
    covered &= (columns >= left) & (columns < left + side)
    covered = covered[..., None]
    return (
        tf.where(covered, _GREY, image),
        tf.where(covered, tf.constant(_IGNORED, labels.dtype), labels),
    )


def _object_color(image, labels, seeds):
    """One object with another hue, and a saturation of at least a half."""
    mask = _one_object(labels, seeds[0])
    turn = 1 / 6 + 2 / 3 * _uniform([], seeds[1])  # 60 to 300 degrees
    hue, saturation, value = tf.unstack(tf.image.rgb_to_hsv(image), axis=-1)
    changed = tf.stack(
        [(hue + turn) % 1.0, tf.maximum(saturation, 0.5), value], axis=-1
    )
    return tf.where(mask, tf.image.hsv_to_rgb(changed), image), labels


def _object_texture(image, labels, seeds):
    """One object with stripes, checks or dots of a random colour on its own."""
    mask = _one_object(labels, seeds[0])
    kind, angle, *offset = tf.unstack(_uniform([4], seeds[1]))
    color = _uniform([3], seeds[2])
    side = image.shape[0]
    rows, columns = tf.meshgrid(*[tf.range(side, dtype=tf.float32)] * 2, indexing="ij")
    angle *= 2 * math.pi
    scale = 1 / (_PERIOD * side)
    u = scale * (tf.cos(angle) * columns + tf.sin(angle) * rows) + offset[0]
    v = scale * (tf.cos(angle) * rows - tf.sin(angle) * columns) + offset[1]
    textures = tf.stack(
        [
            u % 1 < 0.5,
            (u % 1 < 0.5) == (v % 1 < 0.5),
            (u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < 0.4**2,
        ]
    )
    texture = textures[tf.cast(3 * kind, tf.int32)][..., None]
    return tf.where(mask & texture, color, image), labels


def _style(image, labels, seeds):
    """The whole image as a drawing: few levels of colour and dark outlines.

    Each channel is blurred by a 3x3 binomial filter and rounded to four levels; then
    pixels are darkened by the length of the Sobel gradient of their brightness.
    """
    weights = tf.constant([1.0, 2.0, 1.0]) / 4.0
    kernel = (weights[:, None] * weights[None, :])[..., None, None]
    padded = tf.pad(image[None], [[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")
    smooth = tf.nn.depthwise_conv2d(
        padded, tf.tile(kernel, [1, 1, 3, 1]), [1, 1, 1, 1], "VALID"
    )
    flat = tf.round(smooth[0] * (_LEVELS - 1)) / (_LEVELS - 1)
    edges = tf.image.sobel_edges(tf.image.rgb_to_grayscale(smooth))[0]  # [S, S, 1, 2]
    outline = tf.minimum(tf.norm(edges, axis=-1), 1.0)
    return flat * (1.0 - outline), labels


# Name -> function of image [S, S, 3], labels [S, S, 1] and four seeds.
_FUNCTIONS = dict(
    zip(
        SHIFTS,
        (_crop, _occlusion, _object_color, _object_texture, _style),
        strict=True,
    )
)


def _one_object(labels, seed):
    """The mask `[S, S, 1]` of one of the objects, all alike; empty without any."""
    objects, _ = tf.unique(tf.sort(tf.boolean_mask(labels, labels > 0)))
    count = tf.size(objects)
    chosen = tf.cast(tf.cast(count, tf.float32) * _uniform([], seed), tf.int32)
    objects = tf.concat([objects, [0]], axis=0)  # so that there is one to take
    return (labels == objects[chosen]) & (count > 0)


def _uniform(shape, seed):
    return tf.random.stateless_uniform(shape, seed, alg=_ALGORITHM)
