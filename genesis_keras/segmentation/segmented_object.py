"""An object of a segmented picture."""

import dataclasses

import numpy as np

from genesis_keras.segmentation.run_length import encode_mask
from genesis_keras.types import Array, Config


@dataclasses.dataclass(frozen=True)
class SegmentedObject:
    """An object of a picture; all numbers are in pixels of the picture.

    Attributes:
        label: Number of the object in the label map, from 1.
        slot: The slot of the model.
        mask: Boolean array `[H, W]`.
        area: Number of pixels.
        box: Left, top, width and height.
        centroid: Mean x and mean y of its pixels' centres.
        mean_probability: Mean of the slot's probability over the object's pixels.
    """

    label: int
    slot: int
    mask: np.ndarray = dataclasses.field(repr=False)
    area: int
    box: tuple[int, int, int, int]
    centroid: tuple[float, float]
    mean_probability: float

    @classmethod
    def of(
        cls, label: int, slot: int, mask: Array, probability: Array
    ) -> "SegmentedObject":
        """Creates an object, with its measurements.

        Args:
            label: See above.
            slot: See above.
            mask: See above; not empty.
            probability: Probability of the slot `[H, W]`.
        """
        rows, columns = np.nonzero(mask)
        left, top = int(columns.min()), int(rows.min())
        size = int(columns.max()) - left + 1, int(rows.max()) - top + 1
        return cls(
            label,
            slot,
            mask,
            len(rows),
            (left, top, *size),
            (float(columns.mean() + 0.5), float(rows.mean() + 0.5)),
            float(probability[mask].mean()),
        )

    def to_json(self) -> Config:
        """Returns a dict of JSON types, with the mask in COCO's run-length encoding."""
        return {
            "label": self.label,
            "slot": self.slot,
            "area": self.area,
            "box": list(self.box),
            "centroid": [round(value, 2) for value in self.centroid],
            "mean_probability": round(self.mean_probability, 4),
            "segmentation": encode_mask(self.mask),
        }
