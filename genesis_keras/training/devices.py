"""Detection of GPUs."""

import functools
import pathlib


@functools.cache
def sees_gpu():
    """Returns whether TensorFlow sees a GPU.

    TensorFlow is only imported if the machine has the device file of a GPU.
    """
    files = [*pathlib.Path("/dev").glob("nvidia[0-9]*"), pathlib.Path("/dev/dxg")]
    if not any(file.exists() for file in files):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
