"""The result of segmenting a picture."""

import dataclasses

import numpy as np

from genesis_keras.segmentation.drawing import cut_out, draw_overlay
from genesis_keras.segmentation.segmented_object import SegmentedObject
from genesis_keras.types import Array, Config


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """A segmented picture of H x W pixels.

    Attributes:
        image: The picture, uint8 `[H, W, 3]`.
        labels: uint8 `[H, W]`: 0 for the background, otherwise the number of the
            object.
        objects: List of `SegmentedObject`, the largest first.
        outputs: The model's outputs for the picture at the model's size, as arrays
            (`genesis_keras.models.outputs`, a batch of one).
    """

    image: np.ndarray
    labels: np.ndarray
    objects: tuple[SegmentedObject, ...]
    outputs: dict[str, np.ndarray] = dataclasses.field(repr=False)

    def overlay(self) -> Array:
        """Returns the picture with its objects coloured, uint8 `[H, W, 3]`."""
        return draw_overlay(self.image, self.labels)

    def cut_out(self, found: SegmentedObject) -> Array:
        """Returns an object as uint8 RGBA, cropped to its box.

        Args:
            found: One of `objects`.
        """
        return cut_out(self.image, found.mask, found.box)

    def to_json(self) -> Config:
        """Returns the size and the objects as a dict of JSON types."""
        height, width = self.labels.shape
        return {
            "width": width,
            "height": height,
            "objects": [found.to_json() for found in self.objects],
        }
