"""Whether this machine has a GPU."""

import functools
import pathlib


@functools.cache
def sees_gpu():
    """Returns whether TensorFlow sees a GPU.

    It is asked, and thus imported, only where the machine has a device file of one.
    """
    files = [*pathlib.Path("/dev").glob("nvidia[0-9]*"), pathlib.Path("/dev/dxg")]
    if not any(file.exists() for file in files):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
