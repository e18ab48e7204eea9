"""Detection of GPUs, and of processors that compute in 16 bits."""

import functools
import pathlib
import re


@functools.cache
def sees_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU.

    TensorFlow is only imported if the machine has the device file of a GPU.
    """
    files = [*pathlib.Path("/dev").glob("nvidia[0-9]*"), pathlib.Path("/dev/dxg")]
    if not any(file.exists() for file in files):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


@functools.cache
def best_precision() -> str:
    """Returns the precision in which this machine trains fastest.

    Returns:
        "mixed_bfloat16" on processors with instructions for bfloat16 (AMX or
        AVX512_BF16, as Linux names them), where a training step was 1.6 to 2 times as
        fast; "float32" on all others, and with a GPU, on which it was not measured.
    """
    if sees_gpu():
        return "float32"
    try:
        information = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return "float32"
    flags = re.search(r"^flags\s*:(.*)$", information, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    return "mixed_bfloat16" if known & {"amx_bf16", "avx512_bf16"} else "float32"
