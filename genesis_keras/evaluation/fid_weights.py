"""Finds, verifies and converts the published weights of the FID network."""

import hashlib
import pathlib
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np

from genesis_keras.evaluation.torch_file import read_state_dict
from genesis_keras.metrics.fid_inception import fid_inception
from genesis_keras.storage import local_path, replacing
from genesis_keras.types import Arrays, Model, PathLike, Variable

FILE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
DOWNLOAD = "download"
"""Value instead of a path that downloads the file to the cache, once."""

_BATCH_NORM = {  # in the order of Keras's weights
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_NOT_USED = ("fc.", "AuxLogits.")
_HOW_TO_GET = (
    f"get the file (96 MB) with: curl -L -O {URL} and pass "
    f"--fid_weights=PATH/{FILE}, or pass --fid_weights={DOWNLOAD}"
)


def load_fid_network(path: PathLike, sha256: str | None = SHA256) -> Model:
    """Returns the FID network with the published weights.

    Args:
        path: Pytorch-fid's weights file, or "download".
        sha256: Required SHA-256 of the file; None accepts any file, with which the
            result is not an FID.

    Returns:
        The model of `metrics.fid_inception`.

    Raises:
        ValueError: If the file is missing, has another hash, or does not fit the
            network.
        OSError: If the file cannot be downloaded.
    """
    if not path:
        raise ValueError(
            f"the FID needs the weights of its network, none given: {_HOW_TO_GET}"
        )
    path = _download() if path == DOWNLOAD else local_path(path)
    if not path.is_file():
        raise ValueError(f"there is no file fid_weights={str(path)!r}: {_HOW_TO_GET}")
    if sha256 is not None and (found := _hash(path)) != sha256:
        raise ValueError(
            f"fid_weights={str(path)!r} is another file or damaged (SHA-256 {found}, "
            f"expected {sha256}): {_HOW_TO_GET}"
        )
    network = fid_inception()
    set_weights(network, read_state_dict(path))
    return network


def set_weights(network: Model, state: Arrays) -> None:
    """Sets the weights of the network from those of PyTorch.

    Args:
        network: The model of `metrics.fid_inception`.
        state: Dict name -> array, as `read_state_dict` returns it.

    Raises:
        ValueError: If a weight is missing, unexpected or has another shape; the network
            is then unchanged.
    """
    state = {
        name: array
        for name, array in state.items()
        if not name.startswith(_NOT_USED) and not name.endswith("num_batches_tracked")
    }
    weights = dict(named_weights(network))
    missing, unknown = weights.keys() - state.keys(), state.keys() - weights.keys()
    if missing or unknown:
        raise ValueError(
            "these are not the weights of the FID's network: missing "
            f"{sorted(missing)[:3]}, unknown {sorted(unknown)[:3]}"
        )
    arrays = {}
    for name, weight in weights.items():
        array = np.asarray(state[name], np.float32)
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)  # [O, I, h, w] -> [h, w, I, O]
        if array.shape != tuple(weight.shape):
            raise ValueError(
                f"{name} must have shape {tuple(weight.shape)}, channels last; "
                f"got {array.shape}"
            )
        arrays[name] = array
    for name, weight in weights.items():
        weight.assign(arrays[name])


def named_weights(network: Model) -> Iterator[tuple[str, Variable]]:
    """Yields (PyTorch's name, Keras variable)."""
    for layer in network.layers:
        if layer.name.endswith(".conv"):
            yield f"{layer.name}.weight", layer.kernel
        elif layer.name.endswith(".bn"):
            for name, attribute in _BATCH_NORM.items():
                yield f"{layer.name}.{name}", getattr(layer, attribute)


def _download():
    path = pathlib.Path.home() / ".cache" / "genesis-keras" / FILE
    if path.is_file():
        return path
    print(f"downloading {URL} to {path} (96 MB; only once) ...", flush=True)
    try:
        with replacing(path) as partial:
            urllib.request.urlretrieve(URL, partial)
            if (found := _hash(partial)) != SHA256:
                raise OSError(f"SHA-256 of what came is {found}, not {SHA256}")
    except (OSError, urllib.error.URLError) as error:
        raise OSError(f"cannot download the weights: {error}; {_HOW_TO_GET}") from error
    return path


def _hash(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
