"""Two-colour textures of sprites.

A texture is a function (u, v, rng) -> bool, which returns whether the points `u`, `v`,
in units of the period, have the second colour. About half of the area has it.
"""

import numpy as np

_DOT_RADIUS = 0.4  # of a disc that covers half of a cell of side 1


def _stripes(u, v, rng):
    return u % 1 < 0.5


def _checks(u, v, rng):
    return (np.floor(2 * u) + np.floor(2 * v)) % 2 == 0


def _dots(u, v, rng):
    return (u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < _DOT_RADIUS**2


def _noise(u, v, rng):
    # A random value for every square of half a period.
    column, row = (np.floor(2 * w).astype(int) for w in (u, v))
    column, row = column - column.min(), row - row.min()
    bits = rng.integers(2, size=(row.max() + 1, column.max() + 1))
    return bits[row, column] == 1


# Texture name -> function.
TEXTURES = {"stripes": _stripes, "checks": _checks, "dots": _dots, "noise": _noise}


def draw_texture(
    rng: np.random.Generator,
    name: str,
    period: tuple[float, float],
    centres: np.ndarray,
) -> np.ndarray:
    """Returns a texture of random period, rotation and offset.

    Args:
        rng: NumPy's generator.
        name: A key of `TEXTURES`.
        period: Range of the period, as a fraction of the image's side.
        centres: Centres of the pixels of a row as fractions of the side, [S].

    Returns:
        bool [S, S], true where it has the second colour.
    """
    scale = 1 / rng.uniform(*period)
    angle = rng.uniform(0, 2 * np.pi)
    offset_u, offset_v = rng.uniform(0, 1, size=2)
    x, y = centres[None, :] * scale, centres[:, None] * scale
    u = np.cos(angle) * x + np.sin(angle) * y + offset_u
    v = np.cos(angle) * y - np.sin(angle) * x + offset_v
    return TEXTURES[name](u, v, rng)
