"""A scene as object latents, and what they decode to."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scene:
    """A decoded scene of K objects, which edits turn into another.

    Attributes:
        latents: `[K, D]`.
        prior_mean: `[K, D]`, mean of the prior of each object given those before it
            in the picture that the scene comes from.
        prior_scale: `[K, D]`, its standard deviation.
        image: uint8 `[S, S, 3]`, the decoded scene.
        slots: `[S, S]`, the object of each pixel.
        background: Boolean `[K]`, which of them are background.
    """

    latents: np.ndarray
    prior_mean: np.ndarray
    prior_scale: np.ndarray
    image: np.ndarray = dataclasses.field(repr=False)
    slots: np.ndarray = dataclasses.field(repr=False)
    background: np.ndarray = dataclasses.field(repr=False)

    @property
    def num_objects(self):
        """How many objects are seen, without the background."""
        seen = np.unique(self.slots)
        return int((~self.background[seen]).sum())

    def object_at(self, x, y):
        """Returns the object at a place.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.

        Raises:
            ValueError: There is the background, or the place is outside.
        """
        height, width = self.slots.shape
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"({x}, {y}) is outside of the scene")
        slot = int(self.slots[y, x])
        if self.background[slot]:
            raise ValueError("there is only background: click an object")
        return slot
