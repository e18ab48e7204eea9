"""Command line of the converter: `python -m genesis_keras.convert FILE --verify`."""

import argparse
import sys

from genesis_keras.convert.verify import verify


def main(arguments=None):
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m genesis_keras.convert",
        description="Weights and recordings of the authors' PyTorch release.",
    )
    parser.add_argument("file", help="a recording, .npz")
    parser.add_argument(
        "--verify",
        action="store_true",
        required=True,
        help="replay the recording and compare every tensor",
    )
    options = parser.parse_args(arguments)
    try:
        comparisons = verify(options.file)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for comparison in comparisons:
        print(comparison)
    failed = sum(not comparison.passed for comparison in comparisons)
    print(f"{len(comparisons)} tensors, {failed} beyond tolerance")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
