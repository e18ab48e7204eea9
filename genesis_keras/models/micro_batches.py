"""Sums over the micro-batches of a batch, computed one after the other."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

MESSAGE = "accumulate_steps must divide the number of images of a device"


def sum_over_parts(
    function: Callable[..., Any], batch: Any, num_parts: int, zeros: Any
) -> Any:
    """Sums the results of a function over equal parts of a batch.

    The parts are computed in a loop that does not overlap them, so memory is needed for
    one part only.

    Args:
        function: Function of a part of the batch, with the structure of `batch`, that
            returns tensors with the structure and shapes of `zeros`. Results may be
            None, but then for all parts.
        batch: Tuple of (dicts of) tensors `[B, ...]`, the arguments of `function`.
        num_parts: Number of parts N, a divisor of B.
        zeros: The sums before the first part.

    Returns:
        The sums, with the structure of `zeros`; None where `function` returns None.

    Raises:
        ValueError: If N does not divide B. In graphs in which B is not known:
            `tf.errors.InvalidArgumentError`.
    """
    if num_parts == 1:
        return function(*batch)
    parts = tf.nest.map_structure(lambda rows: _split(rows, num_parts), batch)
    missing = []

    def add_part(index, sums):
        part = tf.nest.map_structure(lambda rows: rows[index], parts)
        results = tf.nest.flatten(function(*part))
        missing[:] = [result is None for result in results]
        return index + 1, [
            total if result is None else total + result
            for total, result in zip(sums, results, strict=True)
        ]

    _, sums = tf.while_loop(
        lambda index, _: index < num_parts,
        add_part,
        [tf.constant(0), tf.nest.flatten(zeros)],
        parallel_iterations=1,
    )
    sums = [
        None if absent else total for absent, total in zip(missing, sums, strict=True)
    ]
    return tf.nest.pack_sequence_as(zeros, sums)


def _split(rows, num_parts):
    """`[B, ...]` -> `[N, B / N, ...]`."""
    size = rows.shape[0]
    if size is not None:
        if size % num_parts:
            raise ValueError(f"{MESSAGE}; got {num_parts} and {size} images")
        return tf.reshape(rows, [num_parts, size // num_parts, *rows.shape[1:]])
    message = tf.strings.format(
        MESSAGE + "; got {} and {} images", [num_parts, tf.shape(rows)[0]]
    )
    whole = tf.debugging.Assert(tf.shape(rows)[0] % num_parts == 0, [message])
    with tf.control_dependencies([whole]):
        return tf.reshape(rows, [num_parts, -1, *rows.shape[1:]])
