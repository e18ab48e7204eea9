"""Unpacking and validation of the batches of `fit`, `evaluate` and `predict`."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from genesis_keras.arguments import quoted
from genesis_keras.models import micro_batches
from genesis_keras.types import Dataset, Images, Tensor, TensorLike

_TOLERANCE = 1e-3  # resizing may exceed [0, 1] by a rounding error
_NUM_CHECKED = 1024  # images of an array that are checked before the first step
_MESSAGE = "images must be floats in [0, 1]; got values from {} to {}"
_FOUND = re.compile(re.escape(_MESSAGE).replace(r"\{\}", r"(\S+?)") + r"(?=[\s\]]|$)")
_UNEVEN = re.compile(re.escape(micro_batches.MESSAGE) + r"; got \d+ and \d+ images")
_ADVICE = " (divide images with values from 0 to 255 by 255)"


def images_of(data: Images) -> TensorLike:
    """Returns the images of a batch of `fit`.

    Args:
        data: Images, a dict with "image", or a tuple with only one of these.

    Raises:
        ValueError: If there are targets or weights, which no model uses.
    """
    data, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    refuse_unused(y=y, sample_weight=sample_weight)
    return data["image"] if isinstance(data, dict) else data


def refuse_unused(**arguments: Any) -> None:
    """Raises `ValueError` if a Keras argument is given that the models do not use.

    Args:
        **arguments: The arguments. None and empty values are allowed.
    """
    for name, value in arguments.items():
        if value is None or (isinstance(value, dict | list | tuple) and not value):
            continue
        kind = type(value).__name__ if hasattr(value, "shape") else quoted(value)
        raise ValueError(
            f"{name} is not used: the models learn from images alone and have "
            f"their own loss and metrics; got {kind}"
        )


def check_arrays(x: Any) -> None:
    """Raises `ValueError` if arrays given to `fit` do not hold images in [0, 1].

    Args:
        x: The argument of `fit`. Only arrays, and dicts with the array "image", are
            checked, and only their first images.
    """
    images = x.get("image") if isinstance(x, dict) else x
    if isinstance(images, np.ndarray) or tf.is_tensor(images):
        in_range(tf.convert_to_tensor(images[:_NUM_CHECKED]))


def in_range(images: Tensor) -> Tensor:
    """Returns images unchanged, after checking that their values are in [0, 1].

    NaN is not an error here: it is detected in training. XLA removes the check.

    Args:
        images: A tensor. Integers are not checked, since the models reject them.

    Raises:
        ValueError: If a value lies outside.
        tf.errors.InvalidArgumentError: The same, when executed in a graph.
    """
    if not images.dtype.is_floating or images.shape.num_elements() == 0:
        return images
    lowest, highest = tf.reduce_min(images), tf.reduce_max(images)
    outside = (lowest < -_TOLERANCE) | (highest > 1.0 + _TOLERANCE)
    if tf.executing_eagerly():
        if outside:
            raise ValueError(_MESSAGE.format(f"{lowest:g}", f"{highest:g}") + _ADVICE)
        return images
    message = tf.strings.format(_MESSAGE, [lowest, highest])
    with tf.control_dependencies([tf.debugging.Assert(~outside, [message])]):
        return tf.identity(images)


def finite(name: str, values: TensorLike) -> Tensor:
    """Returns values as a float32 tensor, after checking that they are finite.

    Args:
        name: Name of the argument, for the message.
        values: The value of the argument.

    Raises:
        ValueError: If they are not numbers or (outside of graphs) not all finite.
    """
    try:
        values = tf.cast(values, "float32")
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise ValueError(f"{name} must be numbers; got {quoted(values)}") from error
    if tf.executing_eagerly():
        wrong = int(tf.math.count_nonzero(~tf.math.is_finite(values)))
        if wrong:
            raise ValueError(
                f"{name} must be finite; got {wrong} values that are NaN or infinite"
            )
    return values


def checked_dataset(dataset: Dataset) -> Dataset:
    """Returns a `tf.data.Dataset` that checks its images by `in_range`.

    Args:
        dataset: Batches as accepted by `images_of`.
    """

    def check(*elements):
        first, *rest = elements
        if isinstance(first, dict):
            first = {**first, "image": in_range(first["image"])}
        else:
            first = in_range(first)
        return (first, *rest) if rest else first

    return dataset.map(check)


@contextlib.contextmanager
def short_errors() -> Iterator[None]:
    """Turns the errors of our checks in a graph into a one-line `ValueError`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if uneven := _UNEVEN.search(error.message):
            raise ValueError(uneven[0]) from None
        found = _FOUND.search(error.message)
        if found is None:
            raise
        raise ValueError(found[0] + _ADVICE) from None
