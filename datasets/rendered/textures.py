"""Procedural grey textures of floors and walls, the same on every machine."""

import numpy as np

SIDE = 128


def texture_names() -> tuple[str, ...]:
    """Names of the textures, in the order of `make_textures`."""
    return tuple(f"texture_{i}" for i in range(len(make_textures())))


def make_textures() -> list[np.ndarray]:
    """Returns the textures, uint8 [SIDE, SIDE, 3]: tiles, planks, bricks etc."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    patterns = [
        np.full((SIDE, SIDE), 0.9),
        0.75 + 0.2 * ((x // 32 + y // 32) % 2),
        0.6 + 0.3 * ((x // 16 + y // 16) % 2),
        0.9 - 0.35 * ((x % 32 < 2) | (y % 32 < 2)),
        0.9 - 0.3 * (((x + 32 * (y // 16 % 2)) % 64 < 2) | (y % 16 < 2)),
        0.7 + 0.2 * np.repeat(rng.uniform(-1, 1, 8), 16)[None, :] + 0 * y,
        0.75 + 0.1 * np.sin(x / 6 + 2 * np.sin(y / 20)),
        0.75 + 0.25 * _noise(rng, 8),
        0.75 + 0.25 * _noise(rng, 32),
        0.8 - 0.4 * ((x % 32 - 16) ** 2 + (y % 32 - 16) ** 2 < 60),
    ]
    grain = 0.03 * rng.uniform(-1, 1, (SIDE, SIDE))
    greys = [np.clip(255 * (p + grain), 0, 255).astype(np.uint8) for p in patterns]
    return [np.repeat(grey[..., None], 3, axis=2) for grey in greys]


def _noise(rng, cells):
    """Returns smooth periodic noise in [-1, 1] with `cells` cells per side."""
    grid = rng.uniform(-1, 1, (cells, cells))
    at = np.arange(SIDE) * cells / SIDE
    low, share = at.astype(int), at % 1
    high = (low + 1) % cells
    rows = grid[low] * (1 - share)[:, None] + grid[high] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, high] * share
