"""Renders sprites scenes and their labels with NumPy.

There is no antialiasing: a pixel belongs to the front-most shape that contains its
centre. Images thus have exactly one colour per label, or two for textured objects, and
the labels are exact. Lengths are fractions of the image's side, so that a recipe can be
used for any image size.
"""

import dataclasses
import functools

import numpy as np

from .painting import paint
from .textures import TEXTURES

# Minimum visible fraction of the image, below which an object looks like noise: 10
# pixels of a 32x32 image.
MIN_VISIBLE_AREA = 10 / 32**2

# Maximum number of tries for the placement of an object, or for a scene, that satisfies
# the recipe, before the recipe is considered impossible.
_MAX_PLACEMENTS = 40
_MAX_SCENES = 200

_TRIANGLE_RADIUS = 1.3  # of the corners, relative to the radius of a disc
_SQUARE_HALF_SIDE = 0.9
_CROSS_HALF_WIDTH = 0.4
_HALF_DISC_RADIUS = 1.3


def _triangle(u, v):
    # Three half planes at half of the corners' radius; one corner points up (v
    # increases downwards).
    slope = np.sqrt(3.0) * np.abs(u)
    return (v <= _TRIANGLE_RADIUS / 2) & (slope - v <= _TRIANGLE_RADIUS)


def _cross(u, v):
    u, v = np.abs(u), np.abs(v)
    return (np.minimum(u, v) <= _CROSS_HALF_WIDTH) & (np.maximum(u, v) <= 1.1)


def _half_disc(u, v):
    v = v - 0.5 * _HALF_DISC_RADIUS
    return (v <= 0) & (u**2 + v**2 <= _HALF_DISC_RADIUS**2)


# Shape name -> whether a point (u, v), in units of the radius, is inside.
SHAPES = {
    "square": lambda u, v: np.maximum(np.abs(u), np.abs(v)) <= _SQUARE_HALF_SIDE,
    "disc": lambda u, v: u**2 + v**2 <= 1,
    "triangle": _triangle,
    "cross": _cross,
    "half_disc": _half_disc,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The rules by which scenes are sampled.

    Args:
        num_objects: Minimum and maximum number of objects in a scene.
        more_objects: The same for the out-of-distribution split `more_objects`.
        shapes: Names in `SHAPES`, sampled uniformly.
        radius: Range of the radius, as a fraction of the image's side.
        aspect: Range of height over width before rotation; values below 1 turn squares
            into rectangles and discs into ellipses.
        rotate: Whether shapes are rotated at random.
        margin: Minimum distance of an object's centre from the border, in units of its
            radius; with at least 1.3 no shape is truncated.
        max_hidden: Maximum fraction of an object's pixels that others may hide.
        palette: RGB triples (0 to 255) from which the distinct colours of a scene's
            objects are sampled; None for random saturated colours.
        background: RGB triple, or None for a random colour in each scene.
        min_color_distance: Minimum Euclidean distance between the colours (RGB, 0 to
            255) of any two objects, and of any object and the background.
        identical_color: Whether all objects of a scene have the same colour; with
            textures, the same pair of colours.
        textures: Names in `TEXTURES`, sampled uniformly for each object and the
            background; empty for uniform colours. A textured scene of n objects has
            n + 1 colours, each of which occurs twice: the background has colours 1 and
            2, object i has i + 1 and i + 2, and the last object has n + 1 and 1.
        texture_period: Range of a texture's period, as a fraction of the image's
            side.

    Raises:
        ValueError: If a field is out of range.
    """

    num_objects: tuple[int, int]
    more_objects: tuple[int, int]
    shapes: tuple[str, ...] = ("square", "disc", "triangle")
    radius: tuple[float, float] = (4.5 / 32, 5.5 / 32)
    aspect: tuple[float, float] = (1.0, 1.0)
    rotate: bool = False
    margin: float = 1.3
    max_hidden: float = 0.1
    palette: tuple[tuple[int, int, int], ...] | None = None
    background: tuple[int, int, int] | None = None
    min_color_distance: float = 60.0
    identical_color: bool = False
    textures: tuple[str, ...] = ()
    texture_period: tuple[float, float] = (4 / 32, 5 / 32)

    def __post_init__(self):
        for name in ("num_objects", "more_objects"):
            low, high = getattr(self, name)
            if not 1 <= low <= high <= 255:
                raise ValueError(
                    f"{name} must be a range within 1 to 255, got {(low, high)}."
                )
            if self.palette is not None and high > len(self.palette):
                raise ValueError(
                    f"{name}={(low, high)} needs more colours than the "
                    f"{len(self.palette)} of the palette."
                )
        unknown = set(self.shapes) - set(SHAPES)
        if unknown or not self.shapes:
            raise ValueError(
                f"shapes must be out of {sorted(SHAPES)}, got {self.shapes}."
            )
        unknown = set(self.textures) - set(TEXTURES)
        if unknown:
            raise ValueError(
                f"textures must be out of {sorted(TEXTURES)}, got {self.textures}."
            )
        limits = (("radius", 0.5), ("aspect", 1.0), ("texture_period", 1.0))
        for name, limit in limits:
            low, high = getattr(self, name)
            if not 0 < low <= high <= limit:
                raise ValueError(
                    f"{name} must be a range within 0 to {limit}, got {(low, high)}."
                )
        if self.margin * self.radius[1] > 0.5:
            raise ValueError(
                f"margin={self.margin} times the largest radius, "
                f"{self.radius[1]}, leaves no place in the image."
            )


def draw_scene(
    rng: np.random.Generator, recipe: Recipe, image_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Renders a random scene.

    Args:
        rng: NumPy's generator for all random choices.
        recipe: The rules for the scene.
        image_size: Side S of the square image, at least 8 pixels.

    Returns:
        The image, uint8 [S, S, 3], and its labels, uint8 [S, S, 1]: 0 for the
        background and 1 to n for the n objects, back to front. Every label
        covers at least `MIN_VISIBLE_AREA` of the image.

    Raises:
        ValueError: If `image_size` is too small, or no scene satisfies the recipe.
    """
    return draw_known_scene(rng, recipe, image_size)[:2]


def draw_known_scene(
    rng: np.random.Generator, recipe: Recipe, image_size: int
) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    """Renders a random scene like `draw_scene`, and returns its factors.

    Returns:
        Image and labels, and a dict for every object, in the order of the labels:
        "shape", its index in `SHAPES`; "color", RGB in [0, 1], for textured objects the
        mean of both colours; "size", its radius, and "position", x and y of its centre,
        as fractions of the image's side.

    Raises:
        ValueError: As `draw_scene`.
    """
    if image_size < 8:
        raise ValueError(f"image_size must be at least 8, got {image_size}.")
    for _ in range(_MAX_SCENES):
        low, high = recipe.num_objects
        count = int(rng.integers(low, high, endpoint=True))
        placed = _place_objects(rng, recipe, count, image_size)
        if placed is not None:
            segmentation, objects = placed
            centres = _pixel_centres(image_size)
            image, colors = paint(rng, recipe, segmentation, count, centres)
            for item, color in zip(objects, colors, strict=True):
                item["color"] = tuple(color / 255)
            return image, segmentation[..., None], objects
    raise ValueError(
        f"No room for num_objects={recipe.num_objects} of radius={recipe.radius} "
        f"with max_hidden={recipe.max_hidden}: no scene found in {_MAX_SCENES} tries."
    )


def _place_objects(rng, recipe, count, image_size):
    """Returns labels [S, S] and factors of `count` objects; None if one did not fit."""
    min_pixels = MIN_VISIBLE_AREA * image_size**2
    segmentation = np.zeros((image_size, image_size), np.uint8)
    least_visible = np.zeros(count)
    objects = []
    for index in range(count):
        for _ in range(_MAX_PLACEMENTS):
            mask, facts = _draw_mask(rng, recipe, image_size)
            trial = np.where(mask, np.uint8(index + 1), segmentation)
            visible = np.bincount(trial.ravel(), minlength=index + 2)[1:]
            whole = np.count_nonzero(mask)
            least_visible[index] = max(min_pixels, (1 - recipe.max_hidden) * whole)
            if np.all(visible >= least_visible[: index + 1]):
                segmentation = trial
                objects.append(facts)
                break
        else:
            return None
    return segmentation, objects


def _draw_mask(rng, recipe, image_size):
    """Returns the mask [S, S] and the factors of a random shape."""
    shape = recipe.shapes[rng.integers(len(recipe.shapes))]
    radius = rng.uniform(*recipe.radius)
    margin = recipe.margin * radius
    x, y = rng.uniform(margin, 1 - margin, size=2)
    aspect = rng.uniform(*recipe.aspect)
    angle = rng.uniform(0, 2 * np.pi) if recipe.rotate else 0.0
    centres = _pixel_centres(image_size)
    dx, dy = (centres - x)[None, :] / radius, (centres - y)[:, None] / radius
    # The area is the same for all aspect ratios: a narrow shape is longer.
    stretch = np.sqrt(aspect)
    u = (np.cos(angle) * dx + np.sin(angle) * dy) * stretch
    v = (np.cos(angle) * dy - np.sin(angle) * dx) / stretch
    facts = {"shape": list(SHAPES).index(shape), "size": radius, "position": (x, y)}
    return SHAPES[shape](u, v), facts


@functools.lru_cache(maxsize=8)
def _pixel_centres(image_size):
    return (np.arange(image_size) + 0.5) / image_size
