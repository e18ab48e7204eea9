"""Processes large batches in parts, to bound the memory."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from genesis_keras.types import Outputs, Tensor

# Pixels of all slots in a part: 32 images of 64x64 with 7 slots.
_PIXELS = 32 * 7 * 64 * 64


def part_size(side: int, num_slots: int) -> int | Tensor:
    """Returns the number of images that a model processes at once.

    Args:
        side: H = W of the images.
        num_slots: K, an integer or a scalar tensor.

    Returns:
        An integer, or a scalar tensor.
    """
    if tf.is_tensor(num_slots):
        return tf.maximum(_PIXELS // (num_slots * side**2), 1)
    return max(_PIXELS // (num_slots * side**2), 1)


def map_parts(
    function: Callable, tensors: Outputs, size: int | Tensor, outputs: Any
) -> Outputs:
    """Applies a function to parts of a batch and concatenates the results.

    Args:
        function: Function of tensors `[b, ...]` that returns a dict of tensors `[b,
            ...]`, for any b >= 1.
        tensors: List of tensors `[B, ...]`, B >= 1.
        size: Maximum of b.
        outputs: Dict of `tf.TensorSpec`s of the function's outputs.

    Returns:
        Dict of tensors `[B, ...]`.
    """
    total = tf.shape(tensors[0])[0]
    num_parts = (total + size - 1) // size
    arrays = {
        name: tf.TensorArray(
            spec.dtype, num_parts, infer_shape=False, element_shape=spec.shape
        )
        for name, spec in outputs.items()
    }

    def body(index, arrays):
        start = index * size
        results = function(*[x[start : start + size] for x in tensors])
        return index + 1, {
            name: array.write(index, results[name]) for name, array in arrays.items()
        }

    _, arrays = tf.while_loop(
        lambda index, _: index < num_parts,
        body,
        (tf.constant(0), arrays),
        parallel_iterations=1,
    )
    return {
        name: tf.ensure_shape(array.concat(), outputs[name].shape)
        for name, array in arrays.items()
    }
