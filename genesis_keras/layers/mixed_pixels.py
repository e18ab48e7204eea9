"""Pixels at the edge of an object, whose colour is a mixture with the background's."""

import tensorflow as tf

from genesis_keras.layers.background import border_shares
from genesis_keras.layers.compilation import worth_compiling
from genesis_keras.layers.kuwahara import kuwahara_filter
from genesis_keras.layers.stick_breaking import LOG_ZERO
from genesis_keras.types import Outputs, Tensor

_WINDOW = 5  # side of the window in which colours are averaged, in pixels
# With less between the colours of object and background, squared, there is no mixture.
_LEAST_DIFFERENCE = 0.003
_NUM_VALUES = 4  # of a pixel that are averaged: the colour and its weight


def assign_mixed_pixels(images: Tensor | None, slots: Outputs, share: float) -> Outputs:
    """Assigns the pixels at the edges of objects by the colours they are mixed of.

    In images with smooth edges the colour of a pixel at the edge of an object is a
    mixture, `a F + (1 - a) B`, of the object's colour F and the background's B. Here F
    and B are mean colours around the pixel, and `a` is the position of the pixel's
    colour on the line between them, as in matting (Chuang et al., CVPR 2001). A pixel
    of the background next to an object with `a > share` becomes the object's. Pixels
    that lie in no square of 2x2 pixels of their own slot, such as the lines of mixed
    pixels that are clusters of their own, become the object's or the background's
    likewise, or, where not both are next to them, that of the slot with the most
    similar colour. The background is the slot that covers most of the image's border.

    Args:
        images: `[B, H, W, 3]` in [0, 1].
        slots: Dict of `masks` and `log_masks` `[B, K, H, W, 1]`, `num_slots [B]` and
            `seeds [B, K]`, as of `InstanceColouring`.
        share: Share of the object's colour, in (0, 1). With 0.5 the masks fit best; a
            smaller one misses fewer pixels of objects.

    Returns:
        The same dict. In each reassigned pixel the values of both slots are exchanged.
        Slots that have the highest value in no pixel any more are empty (log mask
        -1e10), come after all others, and are not counted in `num_slots`.

    Raises:
        ValueError: If `images` is None.
    """
    if images is None:
        raise ValueError(f"edge_share={share} needs images; got None")
    masks = tf.stop_gradient(slots["masks"])
    compile_it = worth_compiling([*masks.shape[:-1], _NUM_VALUES])
    is_owner, chosen = (_compiled_owners if compile_it else _owners)(
        images, masks, share
    )
    masks, log_masks = (
        _exchange(slots[name], is_owner, chosen) for name in ("masks", "log_masks")
    )
    slots = {**slots, "masks": masks, "log_masks": log_masks}
    return _without(slots, ~tf.reduce_any(chosen > 0, axis=[2, 3]))


def _owners(images, masks, share):
    """Returns which slot has each pixel, before and after; one-hot `[B, K, H, W]`."""
    number = tf.shape(masks)[1]
    owner = tf.argmax(masks[..., 0], axis=1, output_type="int32")  # [B, H, W]
    background = tf.argmax(border_shares(masks), axis=1, output_type="int32")
    background = background[:, None, None] + tf.zeros_like(owner)
    is_owner = _one_hot(owner, number)  # [B, K, H, W]
    is_background = _one_hot(background, number)
    solid = _opening(is_owner)
    near = _maximum(solid, 3)
    means = _local_means(kuwahara_filter(images), solid)  # [B, K, H, W, 3]

    pixels = images[:, None]
    behind = _sum(is_background[..., None] * means)[:, None]
    difference = means - behind
    squared = tf.reduce_sum(tf.square(difference), axis=-1)
    mixture = tf.reduce_sum((pixels - behind) * difference, axis=-1) / (squared + 1e-6)
    background_near = _sum(is_background * near) > 0  # [B, H, W]
    mixed = (near * (1.0 - is_background) > 0) & background_near[:, None]
    mixed &= squared > _LEAST_DIFFERENCE
    mixture = tf.where(mixed, mixture, -1.0)
    best = tf.argmax(mixture, axis=1, output_type="int32")
    is_object = tf.reduce_max(mixture, axis=1) > share

    distance = tf.reduce_sum(tf.square(pixels - means), axis=-1)
    distance = tf.where(near > 0, distance, 1e3)
    closest = tf.argmin(distance, axis=1, output_type="int32")
    either = tf.where(is_object, best, background)
    loose = tf.where(tf.reduce_any(mixed, axis=1), either, closest)
    is_loose = (_sum(solid * is_owner) == 0) & (_sum(near) > 0)
    grown = tf.where((owner == background) & is_object, best, owner)
    return is_owner, _one_hot(tf.where(is_loose, loose, grown), number)


_compiled_owners = tf.function(_owners, jit_compile=True, autograph=False)


def _without(slots, emptied):
    """Empties slots, `emptied [B, K]`, and orders them after all others."""
    emptied &= tf.sequence_mask(slots["num_slots"], tf.shape(emptied)[1])
    order = tf.argsort(tf.cast(emptied, "int32"), axis=1, stable=True)
    of_slot = emptied[..., None, None, None]
    masks = tf.where(of_slot, 0.0, slots["masks"])
    masks /= tf.reduce_sum(masks, axis=1, keepdims=True)
    log_masks = tf.where(of_slot, LOG_ZERO, slots["log_masks"])
    log_masks -= tf.reduce_logsumexp(log_masks, axis=1, keepdims=True)
    count = tf.reduce_sum(tf.cast(emptied, "int32"), axis=1)
    return {
        "masks": tf.gather(masks, order, batch_dims=1),
        "log_masks": tf.gather(log_masks, order, batch_dims=1),
        "num_slots": slots["num_slots"] - count,
        "seeds": tf.gather(slots["seeds"], order, batch_dims=1),
    }


def _exchange(values, first, second):
    """Exchanges the values of two slots in each pixel, `[B, K, H, W, 1]`."""
    first, second = first[..., None] > 0, second[..., None] > 0
    of_first, of_second = (
        tf.reduce_sum(tf.where(slot, values, 0.0), axis=1, keepdims=True)
        for slot in (first, second)
    )
    return tf.where(second, of_first, tf.where(first, of_second, values))


def _one_hot(slot, number):
    return tf.one_hot(slot, number, axis=1)


def _sum(of_slots):
    return tf.reduce_sum(of_slots, axis=1)


def _local_means(images, of_slots):
    """Returns the mean colour of each slot in a window, `[B, K, H, W, 3]`."""
    values = tf.concat([images, tf.ones_like(images[..., :1])], axis=-1)[:, None]
    flat = _flat(of_slots[..., None] * values)
    flat = tf.nn.avg_pool2d(flat, _WINDOW, 1, "SAME")
    total = tf.reshape(flat, [*tf.unstack(tf.shape(of_slots)), _NUM_VALUES])
    return total[..., :3] / (total[..., 3:] + 1e-6)


def _opening(of_slots):
    """Keeps the pixels that lie in a square of 2x2 pixels of the slot."""
    padded = tf.pad(of_slots, [[0, 0], [0, 0], [1, 1], [1, 1]], constant_values=1.0)
    eroded = -_maximum(-padded, 2, "VALID")
    return _maximum(eroded, 2, "VALID")


def _maximum(of_slots, side, padding="SAME"):
    """Maximum over a window around each pixel of `[B, K, H, W]`."""
    flat = tf.nn.max_pool2d(_flat(of_slots[..., None]), side, 1, padding)
    shape = tf.unstack(tf.shape(of_slots)[:2])
    return tf.reshape(flat, [*shape, *flat.shape[1:3]])


def _flat(values):
    """`[B, K, H, W, C]` -> `[B * K, H, W, C]`."""
    return tf.reshape(values, [-1, *values.shape[2:]])
