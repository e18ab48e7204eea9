"""The component VAE of the release, which GENESIS and MONet-G share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genesis_keras.convert import layout
from genesis_keras.types import Array, Arrays, Layer

if TYPE_CHECKING:
    from genesis_keras.convert.layout import Weight

NAME = "comp_vae"


def weights(encoder: Layer, decoder: Layer) -> "Iterator[Weight]":
    """Yields the `layout.Weight` of a component encoder and decoder."""
    name = f"{NAME}.encoder_module.module"
    for i, layer in enumerate(encoder.convolutions):
        yield from layout.conv(layer, f"{name}.{2 * i}")
    channels = encoder.convolutions[-1].filters
    yield layout.Weight(
        (f"{name}.9.weight",),
        encoder.hidden.kernel,
        lambda w: layout.flattened(w.T, channels),
    )
    yield layout.Weight((f"{name}.9.bias",), encoder.hidden.bias)
    yield from layout.dense(encoder.posterior, f"{name}.11")
    name = f"{NAME}.decoder_module.seq"
    for i, layer in enumerate([*decoder.convolutions, decoder.project]):
        yield from layout.conv(layer, f"{name}.{2 * i + 1}")


def latent_dim(state: Arrays) -> int:
    """Returns the size of a component latent in a state dict of the release."""
    return int(state[f"{NAME}.encoder_module.module.11.bias"].shape[0]) // 2


def noise(arrays: Arrays, index: int, num_slots: int) -> Array:
    """Returns recorded noise as `[B, K, D]`, which is recorded as `[K * B, D]`."""
    draws = arrays[f"draw/eps/{index}"]
    return draws.reshape(num_slots, -1, draws.shape[-1]).swapaxes(0, 1)


def pixel_scale(state: Arrays, default: float = 0.7) -> float:
    """Returns sigma_x, which the release stores for each slot.

    Args:
        state: The release's state dict, name -> array.
        default: Value to use if the state has none.

    Raises:
        ValueError: If the values of the slots differ.
    """
    recorded = np.ravel(state.get("std", default))
    scales = {round(float(value), 6) for value in recorded}
    if len(scales) != 1:
        raise ValueError(f"std must be the same for all slots; got {sorted(scales)}")
    return scales.pop()
