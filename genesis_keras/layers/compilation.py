"""Whether to compile a part of a model with XLA.

On a CPU XLA makes a whole training step slower, because its convolutions are slow, but
it fuses elementwise operations well. On accelerators the whole model is compiled
instead, if requested.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from genesis_keras.types import Shape

MIN_SIZE = 2**18
"""Values from which on the compilation takes less time than it saves."""

_forbidden = False


def worth_compiling(shape: Shape) -> bool:
    """Returns whether to compile an operation on tensors of a shape.

    XLA compiles for a fixed shape (in about half a second), which must therefore be
    known when a graph is traced. This is the case in training, but not in eager code,
    nor in exported models with a variable batch size.

    Args:
        shape: Shape of the largest tensor, with None for unknown sizes.
    """
    shape = tf.TensorShape(shape)
    return (
        not _forbidden
        and tf.inside_function()
        and shape.is_fully_defined()
        and shape.num_elements() >= MIN_SIZE
        and is_cpu_only()
    )


def is_cpu_only() -> bool:
    """Returns whether TensorFlow sees no accelerator."""
    return all(d.device_type == "CPU" for d in tf.config.list_physical_devices())


@contextlib.contextmanager
def without_compilation() -> Iterator[None]:
    """Context manager in which graphs are traced without compiled parts.

    All operations are then visible in the graph.
    """
    global _forbidden
    before, _forbidden = _forbidden, True
    try:
        yield
    finally:
        _forbidden = before
