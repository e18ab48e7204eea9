"""What the members of an archive say they hold, added up before any is read.

A file of some kB can unpack to gigabytes. Keras, NumPy and PyTorch store numbers as
they are, so that an honest file holds about its own size.
"""

import io
import math
import os
import zipfile

FREE_BYTES = 2**28
"""What any file may unpack to, 256 MiB; a larger one up to twice its own size."""
_KERAS_WEIGHTS = ".h5"


def check_declared(path, declared):
    """Compares what a file says it holds with what it may hold.

    Args:
        path: The file.
        declared: Bytes that its parts have together when they are read.

    Raises:
        ValueError: It is more than `FREE_BYTES` and than twice the file's size.
        OSError: There is no such file.
    """
    size = os.path.getsize(path)
    limit = max(FREE_BYTES, 2 * size)
    if declared > limit:
        raise ValueError(
            f"{str(path)!r} is refused: it has {size:,} bytes and would unpack to "
            f"{declared:,}; at most {limit:,} are read"
        )


def check_zip(path):
    """Adds up the sizes of the members of a zip file.

    Args:
        path: The file, such as an `.npz` file or a PyTorch checkpoint.

    Raises:
        ValueError: See `check_declared`.
        zipfile.BadZipFile: It is no zip file.
        OSError: There is no such file.
    """
    with zipfile.ZipFile(path) as archive:
        check_declared(path, sum(member.file_size for member in archive.infolist()))


def check_keras(path):
    """Adds up the sizes of the members of a `.keras` file and of its weights.

    Args:
        path: The file.

    Raises:
        ValueError: See `check_declared`.
        zipfile.BadZipFile: It is no zip file.
        OSError: There is no such file, or its weights are no HDF5 file.
    """
    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(_KERAS_WEIGHTS):
                check_declared(path, _hdf5_bytes(io.BytesIO(archive.read(name))))


def check_hdf5(path):
    """Adds up the sizes of the arrays of an HDF5 file, such as `model.weights.h5`.

    Args:
        path: The file.

    Raises:
        ValueError: See `check_declared`.
        OSError: There is no such file, or it is no HDF5 file.
    """
    check_declared(path, _hdf5_bytes(path))


def _hdf5_bytes(file):
    """Bytes of all arrays of an HDF5 file, by what its headers say."""
    import h5py

    sizes = []

    def add(_, item):
        if isinstance(item, h5py.Dataset):
            sizes.append(math.prod(item.shape or ()) * item.dtype.itemsize)

    with h5py.File(file) as arrays:
        arrays.visititems(add)
    return sum(sizes)
