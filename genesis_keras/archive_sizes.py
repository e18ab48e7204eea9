"""Checks of the unpacked size of archives before any member is read.

A malicious file of a few kB can unpack to gigabytes. Keras, NumPy and PyTorch store
numbers uncompressed, so the contents of a regular file are about as large as the file.
"""

import io
import math
import os
import zipfile

FREE_BYTES = 2**28
"""Unpacked size allowed for any file, 256 MiB; larger files may be twice their size."""
_KERAS_WEIGHTS = ".h5"


def check_declared(path, declared):
    """Raises an error if a file declares an implausibly large content.

    Args:
        path: The file.
        declared: Total bytes of its parts after unpacking, according to its headers.

    Raises:
        ValueError: If `declared` exceeds both `FREE_BYTES` and twice the file's size.
        OSError: If there is no such file.
    """
    size = os.path.getsize(path)
    limit = max(FREE_BYTES, 2 * size)
    if declared > limit:
        raise ValueError(
            f"{str(path)!r} is refused: it has {size:,} bytes and would unpack to "
            f"{declared:,}; at most {limit:,} are read"
        )


def check_zip(path):
    """Checks the total size of the members of a zip file.

    Args:
        path: The file, such as an `.npz` file or a PyTorch checkpoint.

    Raises:
        ValueError: See `check_declared`.
        zipfile.BadZipFile: It is no zip file.
        OSError: If there is no such file.
    """
    with zipfile.ZipFile(path) as archive:
        check_declared(path, sum(member.file_size for member in archive.infolist()))


def check_keras(path):
    """Checks the total size of the members of a `.keras` file and of its weights.

    Args:
        path: The file.

    Raises:
        ValueError: See `check_declared`.
        zipfile.BadZipFile: It is no zip file.
        OSError: If the file does not exist, or its weights are not an HDF5 file.
    """
    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(_KERAS_WEIGHTS):
                check_declared(path, _hdf5_bytes(io.BytesIO(archive.read(name))))


def check_hdf5(path):
    """Checks the total size of the arrays of an HDF5 file, e.g. `model.weights.h5`.

    Args:
        path: The file.

    Raises:
        ValueError: See `check_declared`.
        OSError: If the file does not exist or is not an HDF5 file.
    """
    check_declared(path, _hdf5_bytes(path))


def _hdf5_bytes(file):
    """Returns the bytes of all arrays of an HDF5 file, according to its headers.

    Raises:
        ValueError: If an array has complex numbers.
    """
    import h5py

    sizes = []

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            if item.dtype.kind == "c":  # its imaginary parts would be dropped
                raise ValueError(f"{name} holds complex numbers")
            sizes.append(math.prod(item.shape or ()) * item.dtype.itemsize)

    with h5py.File(file) as arrays:
        arrays.visititems(add)
    return sum(sizes)
