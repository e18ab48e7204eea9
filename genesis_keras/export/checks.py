"""Validation of inputs inside the exported graph.

Each function takes an input and returns it, with an assertion that is executed before
any operation that uses the result. A failed assertion is an `InvalidArgumentError` that
names the input and quotes its value.
"""

from typing import Any

import tensorflow as tf

from genesis_keras.types import Tensor

MAX_BATCH = 256
"""Maximum number of images, strings or scenes per request."""
MAX_SLOTS = 64
"""Maximum number of slots per scene that a client may request."""
_PADDING = [-1] * 5


def check_images(images: Tensor, side: int) -> Tensor:
    """Checks floats `[B, H, W, 3]` in [0, 1], or uint8.

    Args:
        images: The input, whose shape at run time may be wrong.
        side: H = W.

    Returns:
        The images as float32 in [0, 1], `[B, H, W, 3]`.
    """
    expected = [side, side, 3]
    images, shape = _with_runtime_shape(images)
    # Shapes of any rank are padded for the comparison; only rank 4 can be equal.
    found = tf.concat([shape, _PADDING], axis=0)[1:5]
    message = tf.strings.format(
        f"images must have shape [B, {side}, {side}, 3]; got {{}}", shape
    )
    images = _require(tf.reduce_all(found == [*expected, -1]), message, images)
    images = _check_size(tf.ensure_shape(images, [None, *expected]), "images")
    if images.dtype == tf.uint8:
        return tf.cast(images, "float32") / 255.0
    lowest, highest = tf.reduce_min(images), tf.reduce_max(images)
    message = tf.strings.format(
        "images must be finite floats in [0, 1]; got {} to {}", [lowest, highest]
    )
    # Any NaN makes the comparisons false.
    inside = tf.reduce_all((images >= 0.0) & (images <= 1.0))
    return _require(inside, message, images)


def check_latents(latents: Tensor, dim: int, min_slots: int) -> Tensor:
    """Checks finite latents `[B, K, D]`.

    Args:
        latents: The input.
        dim: D.
        min_slots: The smallest K.

    Returns:
        The latents.
    """
    latents, shape = _with_runtime_shape(latents)
    found = tf.concat([shape, _PADDING], axis=0)[1:4]
    right = tf.reduce_all(found[1:] == [dim, -1])
    right &= (found[0] >= min_slots) & (found[0] <= MAX_SLOTS)
    message = tf.strings.format(
        f"latents must have shape [B, K, {dim}] with K from {min_slots} to "
        f"{MAX_SLOTS}; got {{}}",
        shape,
    )
    latents = _require(right, message, latents)
    latents = _check_size(tf.ensure_shape(latents, [None, None, dim]), "latents")
    wrong = tf.math.count_nonzero(~tf.math.is_finite(latents))
    message = tf.strings.format("latents must be finite; got {} that are not", wrong)
    return _require(wrong == 0, message, latents)


def check_used_slots(used: Tensor, latents: Tensor) -> Tensor:
    """Checks the numbers of slots in use, `[B]`, or `[0]` to use all slots.

    Args:
        used: The input, int32.
        latents: Checked latents `[B, K, D]`.

    Returns:
        int32 `[B]`.
    """
    used, shape = _with_runtime_shape(used)
    batch, num_slots = tf.unstack(tf.shape(latents)[:2])
    found = tf.concat([shape, _PADDING], axis=0)[:2]
    right = ((found[0] == 0) | (found[0] == batch)) & (found[1] == -1)
    message = tf.strings.format(
        "num_slots must have shape [B] with B = {}, or [0]; got {}", [batch, shape]
    )
    used = tf.ensure_shape(_require(right, message, used), [None])
    message = tf.strings.format(
        "num_slots must be from 1 to K = {}; got {}", [num_slots, used]
    )
    inside = tf.reduce_all((used >= 1) & (used <= num_slots))
    used = _require(inside, message, used)
    return tf.cond(
        tf.size(used) == 0, lambda: tf.fill([batch], num_slots), lambda: used
    )


def check_strings(strings: Tensor, name: str) -> Tensor:
    """Checks a vector of strings, `[B]`.

    Args:
        strings: The input.
        name: What to call it.

    Returns:
        The strings.
    """
    strings, shape = _with_runtime_shape(strings)
    message = tf.strings.format(f"{name} must have shape [B]; got {{}}", shape)
    strings = _require(tf.size(shape) == 1, message, strings)
    return _check_size(tf.ensure_shape(strings, [None]), name)


def check_scalar(
    value: Any, name: str, lowest: float | None = None, highest: float | None = None
) -> Tensor:
    """Checks a scalar.

    Args:
        value: The input.
        name: What to call it.
        lowest: The smallest value allowed; None for no bound.
        highest: The largest value allowed; None for no bound.

    Returns:
        The number, a scalar.
    """
    value, shape = _with_runtime_shape(value)
    message = tf.strings.format(
        f"{name} must be one number, of shape []; got {{}}", shape
    )
    value = _require(tf.size(shape) == 0, message, value)
    # Not `ensure_shape`, whose error has no name and could be raised first.
    value.set_shape([])
    if lowest is None:
        return value
    message = tf.strings.format(
        f"{name} must be {lowest} to {highest}; got {{}}", value
    )
    return _require((value >= lowest) & (value <= highest), message, value)


def _check_size(batch, name):
    size = tf.shape(batch)[0]
    message = tf.strings.format(
        f"{name} must be a batch of 1 to {MAX_BATCH}; got {{}}", size
    )
    return _require((size >= 1) & (size <= MAX_BATCH), message, batch)


def _with_runtime_shape(x):
    """Returns `x` without a static shape, and its shape at run time.

    Sessions do not compare fed values with the signature, and with a static shape
    TensorFlow would remove our comparison as always true.
    """
    x = tf.raw_ops.PlaceholderWithDefault(input=x, shape=None)
    return x, tf.shape(x)


def _require(condition, message, x):
    """Returns `x` after asserting the condition."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [message])]):
        return tf.identity(x)
