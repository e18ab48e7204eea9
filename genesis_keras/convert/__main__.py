"""Command line of the converter: `python -m genesis_keras.convert FILE`."""

import argparse
import sys

from genesis_keras.convert.conversion import convert
from genesis_keras.convert.verify import verify


def main(arguments=None):
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m genesis_keras.convert",
        description="Weights and recordings of the authors' PyTorch release.",
    )
    parser.add_argument(
        "file", help="a PyTorch checkpoint, or an .npz of its weights, or a recording"
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--out", help="write the model to this .keras file")
    task.add_argument(
        "--verify",
        action="store_true",
        help="replay the recording and compare every tensor",
    )
    parser.add_argument("--flags", help="the release's flags.json, for --out")
    options = parser.parse_args(arguments)
    try:
        return _verify(options) if options.verify else _convert(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _convert(options):
    model = convert(options.file, options.out, options.flags)
    print(
        f"{options.out}: {type(model).__name__} for {model.image_size}x"
        f"{model.image_size} images, K={model.num_slots}; score it with "
        f"python evaluate.py --model_file={options.out} --dataset=NAME"
    )
    return 0


def _verify(options):
    comparisons = verify(options.file)
    for comparison in comparisons:
        print(comparison)
    failed = sum(not comparison.passed for comparison in comparisons)
    print(f"{len(comparisons)} tensors, {failed} beyond tolerance")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
