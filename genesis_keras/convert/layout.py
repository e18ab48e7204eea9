"""How the release stores weights, and how they become ours."""

import collections
import dataclasses
import zipfile
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Weight:
    """Where one of our variables comes from.

    Attributes:
        names: Names in the release; several are added up.
        variable: Ours.
        convert: From the release's layout to ours.
        scale: Factor on the value; gradients are divided by it.
    """

    names: tuple[str, ...]
    variable: object
    convert: Callable = np.asarray
    scale: float = 1.0


def load_archive(path):
    """Reads an `.npz` file into a dict of arrays, never unpickling anything.

    Args:
        path: The file.

    Raises:
        ValueError: The file is missing, truncated or not an `.npz` file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot read {str(path)!r} as .npz: {error}") from error


def with_prefix(arrays, prefix):
    """Returns the entries whose name starts with `prefix`, without it."""
    return {
        k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)
    }


def load_weights(weights, state):
    """Assigns the release's weights to ours.

    Args:
        weights: List of `Weight`.
        state: The release's state dict, name -> array.

    Raises:
        ValueError: Weights are missing, left over or of the wrong shape; all are
            named, and nothing was assigned.
    """
    wanted = collections.Counter(name for weight in weights for name in weight.names)
    problems = [f"missing {name}" for name in wanted if name not in state]
    problems += [f"left over {name}" for name in state if name not in wanted]
    values = []
    for weight in weights:
        if any(name not in state for name in weight.names):
            continue
        value = sum(weight.convert(state[name]) for name in weight.names) * weight.scale
        if value.shape != tuple(weight.variable.shape):
            problems.append(
                f"{weight.names[0]} has shape {value.shape}, "
                f"{weight.variable.path} wants {tuple(weight.variable.shape)}"
            )
        values.append(value)
    if problems:
        raise ValueError("weights do not fit the model: " + "; ".join(problems))
    for weight, value in zip(weights, values, strict=True):
        weight.variable.assign(value)


def images_last(array):
    """Moves the channels of `[..., C, H, W]` to the end."""
    return np.moveaxis(array, -3, -1)


def conv(layer, name):
    """Yields the weights of a convolution."""
    yield Weight((f"{name}.weight",), layer.kernel, lambda w: w.transpose(2, 3, 1, 0))
    if layer.use_bias:
        yield Weight((f"{name}.bias",), layer.bias)


def norm(layer, name):
    """Yields the weights of a normalisation."""
    yield Weight((f"{name}.weight",), layer.gamma)
    yield Weight((f"{name}.bias",), layer.beta)


def dense(layer, name):
    """Yields the weights of a dense layer."""
    yield Weight((f"{name}.weight",), layer.kernel, np.transpose)
    yield Weight((f"{name}.bias",), layer.bias)


def block(layer, name):
    """Yields the weights of a conv block."""
    yield from conv(layer.conv, f"{name}.0")
    yield from norm(layer.norm, f"{name}.1")
