"""A scene: object latents and the decoded image."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scene:
    """A decoded scene with K slots. Edits return new scenes.

    Attributes:
        latents: `[K, D]`.
        image: uint8 `[S, S, 3]`, the decoded scene.
        slots: `[S, S]`, the slot of each pixel.
        background: Boolean `[K]`, which slots are background.
    """

    latents: np.ndarray
    image: np.ndarray = dataclasses.field(repr=False)
    slots: np.ndarray = dataclasses.field(repr=False)
    background: np.ndarray = dataclasses.field(repr=False)

    @property
    def num_objects(self):
        """Number of visible objects, excluding the background."""
        seen = np.unique(self.slots)
        return int((~self.background[seen]).sum())

    def object_at(self, x, y):
        """Returns the slot of the object at a position.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.

        Raises:
            ValueError: If the position shows the background or is outside of the scene.
        """
        height, width = self.slots.shape
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"({x}, {y}) is outside of the scene")
        slot = int(self.slots[y, x])
        if self.background[slot]:
            raise ValueError("no object here, only background: click an object")
        return slot
