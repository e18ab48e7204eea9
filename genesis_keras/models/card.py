"""A table that compares the models: `python -m genesis_keras.models.card`."""

import argparse
from collections.abc import Sequence

import numpy as np

from genesis_keras.models.operations import operations_per_image
from genesis_keras.models.registry import MODELS

_COLUMNS = (
    "model",
    "class",
    "parameters",
    "GFLOP an image",
    "segments",
    "generates",
    "flexible K",
)


def card(image_size: int = 64, num_slots: int = 7) -> str:
    """Returns a Markdown table of the size, cost and features of each model.

    Only trainable parameters are counted. One GFLOP is 10^9 multiplications and
    additions in the convolutions and matrix products of a forward pass
    (`operations_per_image`).

    Args:
        image_size: Side of the images.
        num_slots: K.
    """
    lines = ["| " + " | ".join(_COLUMNS) + " |", "| --- " * len(_COLUMNS) + "|"]
    for name, model_class in MODELS.items():
        model = model_class(image_size=image_size, num_slots=num_slots)
        parameters = sum(np.prod(weight.shape) for weight in model.trainable_weights)
        cells = [
            f"`{name}`",
            f"`{model_class.__name__}`",
            f"{int(parameters):,}",
            f"{operations_per_image(model) / 1e9:.1f}",
            "yes",  # all outputs have masks
            "yes" if model.is_generative else "no",
            "yes" if model.has_flexible_slots else "no",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m genesis_keras.models.card",
        description="Prints a table that compares the models.",
    )
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--num_slots", type=int, default=7)
    options = parser.parse_args(arguments)
    print(card(options.image_size, options.num_slots))


if __name__ == "__main__":
    main()
