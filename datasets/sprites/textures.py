"""Two-colour textures of sprites: where the second of the two colours goes.

A texture is a function (u, v, rng) -> bool: whether the second colour is at the
points `u`, `v`, which count periods of the texture. About half the area has it.
"""

import numpy as np

_DOT_RADIUS = 0.4  # of a disc that covers half of its cell of side 1


def _stripes(u, v, rng):
    return u % 1 < 0.5


def _checks(u, v, rng):
    return (np.floor(2 * u) + np.floor(2 * v)) % 2 == 0


def _dots(u, v, rng):
    return (u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < _DOT_RADIUS**2


def _noise(u, v, rng):
    # A random bit for every square of half a period.
    column, row = (np.floor(2 * w).astype(int) for w in (u, v))
    column, row = column - column.min(), row - row.min()
    bits = rng.integers(2, size=(row.max() + 1, column.max() + 1))
    return bits[row, column] == 1


# Texture name -> where its second colour is.
TEXTURES = {"stripes": _stripes, "checks": _checks, "dots": _dots, "noise": _noise}


def draw_texture(
    rng: np.random.Generator,
    name: str,
    period: tuple[float, float],
    centres: np.ndarray,
) -> np.ndarray:
    """Draws a texture of random period, rotation and offset.

    Args:
        rng: the source of its randomness.
        name: a key of `TEXTURES`.
        period: range of the period, as a fraction of the image's side.
        centres: centres of a row's pixels as fractions of the side, [S].

    Returns:
        bool [S, S], true where the second of its two colours is.
    """
    scale = 1 / rng.uniform(*period)
    angle = rng.uniform(0, 2 * np.pi)
    offset_u, offset_v = rng.uniform(0, 1, size=2)
    x, y = centres[None, :] * scale, centres[:, None] * scale
    u = np.cos(angle) * x + np.sin(angle) * y + offset_u
    v = np.cos(angle) * y - np.sin(angle) * x + offset_v
    return TEXTURES[name](u, v, rng)
