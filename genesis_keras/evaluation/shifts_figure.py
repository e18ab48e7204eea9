"""The figure of distribution shifts: images, ground truth and what a model sees."""

from typing import TYPE_CHECKING

import tensorflow as tf

from genesis_keras.data.shifts import shifted
from genesis_keras.evaluation.pictures import outputs_of
from genesis_keras.types import Array, Model, Outputs
from genesis_keras.visualization import colour_labels, labelled_rows
from genesis_keras.visualization.cells import colour_masks

if TYPE_CHECKING:
    from genesis_keras.evaluation.protocol import Protocol


def shifts_figure(model: Model, batch: Outputs, protocol: "Protocol") -> Array:
    """Draws images under each shift of a protocol, and their attention masks.

    Args:
        model: The model.
        batch: Dict with "image" and "segmentation", the first images of the split.
        protocol: The `Protocol`, with `shifts`.

    Returns:
        uint8 picture.
    """
    batches = {"none": tf.data.Dataset.from_tensors(batch)}
    for shift in protocol.shifts:
        batches[shift] = shifted(batches["none"], shift, protocol.seed)
    rows = []
    for name, dataset in batches.items():
        (found,) = dataset
        images = found["image"].numpy()
        outputs = outputs_of(model, images, seed=protocol.seed)
        rows += [
            (name, images),
            ("ground truth", colour_labels(found["segmentation"].numpy()[..., 0])),
            ("segmentation", colour_masks(outputs["log_masks"])),
        ]
    return labelled_rows(rows)
