"""Reads the release's weights from untrusted files."""

import json
import zipfile

import numpy as np

from genesis_keras.archive_sizes import check_declared, check_zip
from genesis_keras.convert import layout
from genesis_keras.storage import local_path
from genesis_keras.types import Array, Arrays, Config, PathLike

_PARALLEL = "module."  # prefix that DataParallel adds to each name
_STATE = "model_state_dict"
_MIN_GRID = 4  # shorter axes from -1 to 1 may be weights


def read(path: PathLike) -> tuple[Arrays, Config]:
    """Reads weights without executing code of a pickle.

    Args:
        path: A PyTorch checkpoint (a dict with "model_state_dict"), which requires
            torch, or an `.npz` file with the same names, optionally with the prefix
            `state/`.

    Returns:
        The state dict, name -> array, without the prefix of DataParallel; and the flags
        in the file (`meta`), or an empty dict.

    Raises:
        ValueError: If the file cannot be read, or has other contents.
    """
    path = local_path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    flags = {}
    if path.suffix == ".npz":
        arrays = layout.load_archive(path)
        flags = parse_flags(str(arrays.pop("meta", "{}")), path)
        state = layout.with_prefix(arrays, "state/") or arrays
    else:
        state = _read_torch(path)
    if state and all(name.startswith(_PARALLEL) for name in state):
        state = layout.with_prefix(state, _PARALLEL)
    for name, array in state.items():
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError(f"{name} in {str(path)!r} is not all finite numbers")
    return state, flags


def read_flags(path: PathLike) -> Config:
    """Reads the release's `flags.json`.

    Args:
        path: The file.

    Raises:
        ValueError: If the file is missing or not a JSON object.
    """
    try:
        return parse_flags(local_path(path).read_text(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read flags {str(path)!r}: {error}") from error


def parse_flags(text: str, path: PathLike) -> Config:
    """Parses a JSON text that was read from `path` as a dict."""
    try:
        flags = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"flags in {str(path)!r} are no JSON: {error}") from error
    if not isinstance(flags, dict):
        raise ValueError(
            f"flags in {str(path)!r} must be a JSON object; got {text[:80]}"
        )
    return flags


def is_coordinate_grid(array: Array) -> bool:
    """Whether an array is one or two grids of coordinates, linspace(-1, 1).

    Old checkpoints store such constants as buffers, with various names.

    Args:
        array: An array of any shape, such as `[1, 1, H, W]` or `[2, H, W]`.
    """
    array = np.squeeze(array)
    if array.ndim == 3 and len(array) == 2:
        return is_coordinate_grid(array[0]) and is_coordinate_grid(array[1])
    if array.ndim not in (1, 2) or min(array.shape) < _MIN_GRID:
        return False
    axes = [np.linspace(-1.0, 1.0, size) for size in array.shape]
    return any(
        np.allclose(array, grid, rtol=0.0, atol=1e-6)
        for grid in np.meshgrid(*axes, indexing="ij")
    )


def _read_torch(path):
    try:
        import torch
    except ImportError as error:
        raise ValueError(
            f"{str(path)!r} is no .npz file, and to read a PyTorch checkpoint torch is "
            'needed: pip install "genesis-keras[convert]"'
        ) from error
    if zipfile.is_zipfile(path):
        _check_zip(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # untrusted files may raise any error
        raise ValueError(
            f"{str(path)!r} is not a checkpoint of plain tensors, or damaged; "
            f"nothing in it was run ({type(error).__name__})"
        ) from error
    state = content.get(_STATE) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state:
        raise ValueError(f"{str(path)!r} has no {_STATE!r}")
    wrong = [name for name, value in state.items() if not torch.is_tensor(value)]
    if wrong:
        raise ValueError(f"in {str(path)!r} these are not tensors: {wrong}")
    for name, tensor in state.items():
        _check_tensor(tensor, name, path)
    total = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    check_declared(path, total)
    return {str(name): _to_numpy(value) for name, value in state.items()}


def _check_zip(path):
    try:
        check_zip(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}") from error


def _check_tensor(tensor, name, path):
    """Raises an error for tensors that do not store all of their elements."""
    import torch

    plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    plain = plain and not tensor.is_quantized
    size = tensor.numel() * tensor.element_size() if plain else 0
    if not plain or size > tensor.untyped_storage().nbytes():
        raise ValueError(
            f"{name} in {str(path)!r} is no plain tensor: it is sparse, quantized, "
            "expanded or without data"
        )


def _to_numpy(tensor):
    tensor = tensor.detach()  # parameters require gradients
    if tensor.is_floating_point():
        tensor = tensor.double()  # NumPy has no bfloat16
    return tensor.numpy()
