"""The layout of the release's weights, and their conversion to ours."""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from genesis_keras.archive_sizes import check_zip
from genesis_keras.storage import local_path
from genesis_keras.types import Array, Arrays, Layer, PathLike

# Suffixes of entries in a state dict that are not weights: the constant sigma_x and the
# number of batches of a BatchNorm.
NOT_WEIGHTS = ("std", "num_batches_tracked")


@dataclasses.dataclass(frozen=True)
class Weight:
    """The source of one of our variables.

    Attributes:
        names: Names in the release; several are summed or concatenated.
        variable: Our variable.
        convert: Function from the release's layout to ours.
        scale: Factor of the value; gradients are divided by it.
        joined: Whether several are concatenated along our last axis, rather than
            summed.
    """

    names: tuple[str, ...]
    variable: object
    convert: Callable = np.asarray
    scale: float = 1.0
    joined: bool = False

    def value(self, state: Arrays) -> Array:
        """Returns the value of our variable for a state dict of the release."""
        parts = [self.convert(state[name]) for name in self.names]
        value = np.concatenate(parts, axis=-1) if self.joined else sum(parts)
        return value * self.scale

    def gradients(self, gradient: Array) -> Iterator[tuple[str, Array]]:
        """Yields the release's names and gradients, given the gradient of ours.

        Only the first of several summed weights is included, since all have the same
        gradient.
        """
        gradient = gradient * self.scale
        if not self.joined:
            yield self.names[0], gradient
            return
        parts = np.split(gradient, len(self.names), axis=-1)
        yield from zip(self.names, parts, strict=True)


def load_archive(path: PathLike) -> Arrays:
    """Reads an `.npz` file into a dict of arrays, without unpickling.

    Args:
        path: The file.

    Raises:
        ValueError: If the file is missing, truncated or not an `.npz` file, or would
            unpack to much more than its size.
    """
    path = local_path(path)
    try:
        check_zip(path)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # a member that is no .npy file
                raise ValueError(f"{name} is no array")
        return arrays
    except Exception as error:  # an untrusted file can make it raise anything
        raise ValueError(
            f"cannot read {str(path)!r} as .npz: {error or type(error).__name__}"
        ) from error


def with_prefix(arrays: Arrays, prefix: str) -> Arrays:
    """Returns the entries whose name starts with `prefix`, without it."""
    return {
        k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)
    }


def load_weights(weights: "Sequence[Weight]", state: Arrays) -> None:
    """Assigns the release's weights to ours.

    Args:
        weights: List of `Weight`.
        state: The release's state dict, name -> array.

    Raises:
        ValueError: If weights are missing, unexpected or of the wrong shape; all are
            listed, and none has been assigned.
    """
    wanted = collections.Counter(name for weight in weights for name in weight.names)
    problems = [f"missing {name}" for name in wanted if name not in state]
    problems += [
        f"left over {name}"
        for name in state
        if name not in wanted and name.rsplit(".", 1)[-1] not in NOT_WEIGHTS
    ]
    values = []
    for weight in weights:
        if any(name not in state for name in weight.names):
            continue
        try:
            values.append(weight.value(state))
            fits = values[-1].shape == tuple(weight.variable.shape)
        except (ValueError, IndexError):  # the rank is not supported by `convert`
            fits = False
        shapes = [state[name].shape for name in weight.names]
        if not fits or len(set(shapes)) > 1:
            problems.append(
                f"{', '.join(weight.names)} of shape {', '.join(map(str, shapes))} "
                f"for {weight.variable.path} {tuple(weight.variable.shape)}"
            )
    if problems:
        raise ValueError("weights do not fit the model: " + "; ".join(problems))
    for weight, value in zip(weights, values, strict=True):
        weight.variable.assign(value)


def images_last(array: Array) -> Array:
    """Moves the channels of `[..., C, H, W]` to the end."""
    return np.moveaxis(array, -3, -1)


def conv(layer: Layer, name: str) -> "Iterator[Weight]":
    """Yields the weights of a convolution."""
    yield Weight((f"{name}.weight",), layer.kernel, lambda w: w.transpose(2, 3, 1, 0))
    if layer.use_bias:
        yield Weight((f"{name}.bias",), layer.bias)


def norm(layer: Layer, name: str) -> "Iterator[Weight]":
    """Yields the weights of a normalisation."""
    yield Weight((f"{name}.weight",), layer.gamma)
    yield Weight((f"{name}.bias",), layer.beta)


def dense(layer: Layer, name: str) -> "Iterator[Weight]":
    """Yields the weights of a dense layer."""
    yield Weight((f"{name}.weight",), layer.kernel, np.transpose)
    yield Weight((f"{name}.bias",), layer.bias)


def flattened(weight: Array, channels: int) -> Array:
    """Reorders rows from the release's order (C, H, W) to ours, (H, W, C).

    Args:
        weight: `[C * H * H, ...]`, weights of flattened images.
        channels: C.
    """
    side = round((weight.shape[0] // channels) ** 0.5)
    rest = weight.shape[1:]
    weight = weight.reshape(channels, side, side, *rest)
    return np.moveaxis(weight, 0, 2).reshape(-1, *rest)


def lstm(cell: Layer, name: str) -> "Iterator[Weight]":
    """Yields the weights of an LSTM."""
    yield Weight((f"{name}.weight_ih_l0",), cell.kernel, np.transpose)
    yield Weight((f"{name}.weight_hh_l0",), cell.recurrent_kernel, np.transpose)
    # The release's LSTM has two biases, of which only the sum matters.
    yield Weight((f"{name}.bias_ih_l0", f"{name}.bias_hh_l0"), cell.bias)


def block(layer: Layer, name: str) -> "Iterator[Weight]":
    """Yields the weights of a convolution block."""
    yield from conv(layer.conv, f"{name}.0")
    yield from norm(layer.norm, f"{name}.1")


def unet(layer: Layer, name: str) -> "Iterator[Weight]":
    """Yields the weights of a UNet."""
    for direction, blocks in (("down", layer.down_blocks), ("up", layer.up_blocks)):
        for i, child in enumerate(blocks):
            yield from block(child, f"{name}.{direction}.{i}")
    first, middle, last = layer.bottleneck
    channels = layer.down_blocks[-1].filters
    yield Weight(
        (f"{name}.mlp.1.weight",), first.kernel, lambda w: flattened(w.T, channels)
    )
    yield Weight((f"{name}.mlp.1.bias",), first.bias)
    yield from dense(middle, f"{name}.mlp.3")
    yield Weight(
        (f"{name}.mlp.5.weight",), last.kernel, lambda w: flattened(w, channels).T
    )
    yield Weight((f"{name}.mlp.5.bias",), last.bias, lambda b: flattened(b, channels))
