"""Two-colour materials of textured rooms, the same on every machine.

There is a ring of `NUM_HUES` colours, and a material is a pattern of two of them.
Floor, walls and objects of a room can thus have different materials, but share colours.
"""

import colorsys
import itertools

import numpy as np

NUM_HUES = 8
PATTERNS = ("stripes", "checks", "dots", "noise")
SIDE = 64
_PERIOD = 32  # pixels; a texture has two periods
_SATURATION, _VALUE = 0.85, (1.0, 0.65)  # of even and odd colours


def colors() -> np.ndarray:
    """Returns the colours, uint8 [NUM_HUES, 3]."""
    rgb = [
        colorsys.hsv_to_rgb(i / NUM_HUES, _SATURATION, _VALUE[i % 2])
        for i in range(NUM_HUES)
    ]
    return np.round(255 * np.array(rgb)).astype(np.uint8)


def material_names() -> tuple[str, ...]:
    """Names of the materials, in the order of `make_materials`."""
    return tuple(
        material_name(pattern, pair)
        for pattern in PATTERNS
        for pair in itertools.combinations(range(NUM_HUES), 2)
    )


def material_name(pattern: str, pair: tuple[int, int]) -> str:
    """Returns the name of the material of a pattern and two colours, in any order."""
    low, high = sorted(pair)
    return f"{pattern}_{low}_{high}"


def mean_color(pair: tuple[int, int]) -> tuple[float, float, float]:
    """Returns the average colour of a material, RGB in [0, 1]."""
    return tuple(float(c) for c in colors()[list(pair)].mean(axis=0) / 255)


def make_materials() -> list[np.ndarray]:
    """Returns the materials' textures, uint8 [SIDE, SIDE, 3] each, periodic."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / _PERIOD
    bits = np.random.default_rng(0).permutation(np.arange(64) % 2).reshape(8, 8)
    masks = {
        "stripes": (x + y) % 1 < 0.5,
        "checks": (np.floor(2 * x) + np.floor(2 * y)) % 2 == 0,
        "dots": (x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < 0.4**2,
        "noise": np.kron(bits, np.ones((SIDE // 8, SIDE // 8))) == 1,
    }
    rgb = colors()
    return [
        np.where(masks[pattern][..., None], rgb[low], rgb[high])
        for pattern in PATTERNS
        for low, high in itertools.combinations(range(NUM_HUES), 2)
    ]
