"""Stores weights in 16 bits, for files of half the size."""

import h5py
import numpy as np

from genesis_keras.types import PathLike

MIN_SIZE = 1024
"""Smaller arrays (biases, scales, GECO's state) keep 32 bits, which costs little."""


def store_in_16_bits(path: PathLike) -> None:
    """Stores the large arrays of a weights file as float16, compressed.

    Keras can read such files, and converts the values to float32, rounded to 11 bits.

    Args:
        path: A `.weights.h5` file, which is replaced.

    Raises:
        ValueError: If a value is too large for 16 bits, or not finite.
    """
    arrays, attributes = {}, {}

    def read(name, item):
        attributes[name] = dict(item.attrs)
        is_array = isinstance(item, h5py.Dataset)
        arrays[name] = _rounded(name, item[()]) if is_array else None

    with h5py.File(path, "r") as file:
        attributes["/"] = dict(file.attrs)
        file.visititems(read)
    # The layout of HDF5 1.10 takes a tenth less than the default, that of 1.0.
    with h5py.File(path, "w", libver="v110") as file:
        for name, array in arrays.items():
            if array is None:
                file.require_group(name)
                continue
            packed = array.dtype == np.float16
            options = {"compression": 9, "shuffle": True} if packed else {}
            file.create_dataset(name, data=array, **options)
        for name, values in attributes.items():
            file[name].attrs.update(values)


def _rounded(name, array):
    """Returns the array in 16 bits if it is large, otherwise unchanged."""
    if array.dtype != np.float32 or array.size < MIN_SIZE:
        return array
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise ValueError(
            f"weight {name!r} does not fit in 16 bits: its largest value is "
            f"{np.abs(array).max():g}"
        )
    return rounded
