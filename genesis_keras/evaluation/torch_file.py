"""Reads a PyTorch state dict without torch, and without executing its pickle.

A state dict consists of a pickled dict of tensors that refer to storages, and the raw
storages. This unpickler only accepts the few names that such a pickle needs, so that a
file cannot execute code.
"""

import collections
import io
import math
import os
import pickle
import struct
import zipfile

import numpy as np

from genesis_keras.archive_sizes import check_declared, check_zip
from genesis_keras.storage import local_path
from genesis_keras.types import Arrays, PathLike

_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<?",
}
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001


class _Storage:
    """The numbers that a tensor is a view of, set when they are read."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.data = None


class _Tensor:
    """The description of a tensor in the pickle."""

    def __init__(self, storage, offset, size, stride, *_):
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        self.storage, self.offset = storage, offset
        self.size, self.stride = size, stride

    @property
    def nbytes(self):
        """Number of bytes of the tensor as an array."""
        return math.prod(self.size) * self.storage.dtype.itemsize

    def array(self):
        """Returns a copy of the tensor as an array."""
        data = self.storage.data
        if math.prod(self.size) > len(data):
            raise pickle.UnpicklingError("a tensor larger than its storage")
        last = self.offset + sum(
            (size - 1) * stride
            for size, stride in zip(self.size, self.stride, strict=True)
        )
        if min((self.offset, *self.stride), default=0) < 0 or last >= len(data):
            raise pickle.UnpicklingError("a tensor beyond its storage")
        strides = [stride * data.itemsize for stride in self.stride]
        view = np.lib.stride_tricks.as_strided(data[self.offset :], self.size, strides)
        return view.copy()


class _Unpickler(pickle.Unpickler):
    """An unpickler that only accepts the names in the pickle of a state dict."""

    def __init__(self, file, storages):
        super().__init__(file, encoding="utf-8")
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, identity):
        kind, dtype, key = identity[:3]
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"it asks for {identity!r}")
        return self.storages.setdefault(key, _Storage(dtype))


def read_state_dict(path: PathLike) -> Arrays:
    """Reads a file that `torch.save(model.state_dict(), path)` wrote.

    Args:
        path: The file, in the zip format or the format before PyTorch 1.6.

    Returns:
        Dict of name -> array.

    Raises:
        ValueError: If the file is missing, damaged or not a dict of tensors, or its
            tensors would take much more memory than the size of the file; no code in it
            was executed.
    """
    path = local_path(path)
    try:
        if zipfile.is_zipfile(path):
            content = _read_zip(path)
        else:
            content = _read_legacy(path)
        if not isinstance(content, dict) or not content:
            raise pickle.UnpicklingError("it holds no dict")
        wrong = [k for k, value in content.items() if not isinstance(value, _Tensor)]
        if wrong:
            raise pickle.UnpicklingError(f"these are no tensors: {wrong[:5]}")
        check_declared(path, sum(tensor.nbytes for tensor in content.values()))
        return {str(name): tensor.array() for name, tensor in content.items()}
    except Exception as error:  # untrusted files may raise any error
        raise ValueError(
            f"{str(path)!r} is no state dict of plain tensors, or damaged; nothing in "
            f"it was run ({type(error).__name__}: {error})"
        ) from error


def _read_zip(path):
    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        (index,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
        root = index.removesuffix("data.pkl")
        storages = {}
        content = _Unpickler(io.BytesIO(archive.read(index)), storages).load()
        for key, storage in storages.items():
            raw = archive.read(f"{root}data/{key}")
            storage.data = np.frombuffer(raw, storage.dtype)
        return content


def _read_legacy(path):
    with open(path, "rb") as file:
        magic, version = _Unpickler(file, {}).load(), _Unpickler(file, {}).load()
        if (magic, version) != (_LEGACY_MAGIC, _LEGACY_VERSION):
            raise pickle.UnpicklingError("it is no file of PyTorch")
        _Unpickler(file, {}).load()  # properties of the machine that wrote the file
        storages = {}
        content = _Unpickler(file, storages).load()
        for key in _Unpickler(file, {}).load():
            storage = storages[key]
            (length,) = struct.unpack("<q", file.read(8))
            size = length * storage.dtype.itemsize
            if not 0 <= size <= os.path.getsize(path) - file.tell():
                raise pickle.UnpicklingError(f"it ends before a storage of {size} B")
            raw = file.read(size)
            storage.data = np.frombuffer(raw, storage.dtype)
        return content
