"""The palette of slots and labels."""

import numpy as np

from genesis_keras.types import Array

# The twenty distinct colours of Sasha Trubetskoy, without greys, which represent
# background, ignored and "no slot" here.
PALETTE = np.array(
    [
        (230, 25, 75),
        (60, 180, 75),
        (255, 225, 25),
        (0, 130, 200),
        (245, 130, 48),
        (145, 30, 180),
        (70, 240, 240),
        (240, 50, 230),
        (210, 245, 60),
        (250, 190, 212),
        (0, 128, 128),
        (220, 190, 255),
        (170, 110, 40),
        (255, 250, 200),
        (128, 0, 0),
        (170, 255, 195),
        (128, 128, 0),
        (255, 215, 180),
        (0, 0, 128),
        (110, 120, 255),
    ],
    dtype=np.uint8,
)
BACKGROUND = np.array((40, 40, 40), np.uint8)
IGNORED = np.array((160, 160, 160), np.uint8)


def colour_labels(labels: Array, zero_is_background: bool = True) -> Array:
    """Maps labels to colours of the palette.

    Args:
        labels: Integer array of any shape. Labels beyond the length of `PALETTE` repeat
            its colours; negative labels are `IGNORED`.
        zero_is_background: bool, whether label 0 is `BACKGROUND`, as in a ground truth.
            If False, it is colour 0, as for slots, any of which may be the background.

    Returns:
        uint8 array of the shape of `labels` with an additional last axis of 3.

    Raises:
        ValueError: If the labels are not integers.
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers. Received: dtype={labels.dtype}")
    colours = PALETTE[labels % len(PALETTE)]
    if zero_is_background:
        colours[labels == 0] = BACKGROUND
    colours[labels < 0] = IGNORED
    return colours
