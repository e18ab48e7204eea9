"""Colours and textures of sprites: converts labels to an image."""

import colorsys

import numpy as np

from .textures import draw_texture

_MAX_COLORS = 1000  # maximum number of tries before the recipe is considered impossible
_OBJECT_SATURATION, _OBJECT_VALUE = (0.6, 1.0), (0.6, 1.0)
_BACKGROUND_SATURATION, _BACKGROUND_VALUE = (0.2, 0.8), (0.2, 0.8)


def paint(rng, recipe, segmentation, count, centres):
    """Paints a scene.

    Args:
        rng: NumPy's generator.
        recipe: The `Recipe` of the scene.
        segmentation: Labels, integers [S, S].
        count: Number n of objects.
        centres: Centres of the pixels of a row as fractions of the side, [S].

    Returns:
        The image, uint8 [S, S, 3], and the colours of objects, float [n, 3] from 0 to
        255; for textured objects the mean of both colours.

    Raises:
        ValueError: If no colours satisfy the recipe.
    """
    if recipe.textures:
        return _paint_textures(rng, recipe, segmentation, count, centres)
    colors = _draw_colors(rng, recipe, count)  # [1 + n, 3]
    return colors[segmentation], colors[1:].astype(float)


def _paint_textures(rng, recipe, segmentation, count, centres):
    first = recipe.background or _draw_hsv(rng, _OBJECT_SATURATION, _OBJECT_VALUE)
    # Also for one object, so that it and the background differ in one colour.
    num_colors = 3 if recipe.identical_color else max(count + 1, 3)
    more = _draw_object_colors(rng, recipe, num_colors - 1, first)
    colors = np.array([first, *more], np.uint8)
    image = np.zeros((*segmentation.shape, 3), np.uint8)
    pairs = []
    for label in range(count + 1):
        name = recipe.textures[rng.integers(len(recipe.textures))]
        pattern = draw_texture(rng, name, recipe.texture_period, centres)
        index = min(label, 1) if recipe.identical_color else label
        pairs.append([index, (index + 1) % num_colors])
        own = np.where(pattern, pairs[-1][1], pairs[-1][0])
        mask = segmentation == label
        image[mask] = colors[own[mask]]
    return image, colors[np.array(pairs[1:])].mean(axis=1)


def _draw_colors(rng, recipe, count):
    """Samples colours of the background and the objects, uint8 [1 + count, 3]."""
    background = recipe.background or _draw_hsv(
        rng, _BACKGROUND_SATURATION, _BACKGROUND_VALUE
    )
    if recipe.identical_color:
        objects = _draw_object_colors(rng, recipe, 1, background) * count
    else:
        objects = _draw_object_colors(rng, recipe, count, background)
    return np.array([background, *objects], np.uint8)


def _draw_object_colors(rng, recipe, count, background):
    if recipe.palette is not None:
        return [recipe.palette[i] for i in rng.permutation(len(recipe.palette))[:count]]
    taken = [background]
    for _ in range(_MAX_COLORS):
        color = _draw_hsv(rng, _OBJECT_SATURATION, _OBJECT_VALUE)
        distances = np.linalg.norm(np.subtract(taken, color), axis=-1)
        if distances.min() >= recipe.min_color_distance:
            taken.append(color)
        if len(taken) > count:
            return taken[1:]
    raise ValueError(
        f"min_color_distance={recipe.min_color_distance} is too large: no {count} "
        f"colours found in {_MAX_COLORS} tries."
    )


def _draw_hsv(rng, saturation, value):
    rgb = colorsys.hsv_to_rgb(
        rng.uniform(), rng.uniform(*saturation), rng.uniform(*value)
    )
    return tuple(round(255 * channel) for channel in rgb)
