"""Writes dummy source files and prepares the data sets from them.

    python -m datasets.dummy_data FOLDER [NAME ...]

writes the source files to FOLDER/source/NAME and the data sets to FOLDER/data, for
`--data_dir=FOLDER/data`. The pictures are synthetic: they are for testing the code, not
for evaluating models.
"""

import argparse
import pathlib
import sys

from . import WRITERS
from .making import make


def main(arguments=None):
    """Writes the files and prepares the data sets.

    Args:
        arguments: List of arguments; None for those of the command line.
    """
    parser = argparse.ArgumentParser(prog="dummy_data", description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WRITERS))
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - WRITERS.keys():
        parser.error(f"unknown NAME {', '.join(sorted(unknown))}")
    for name in options.names or WRITERS:
        WRITERS[name](name, options.folder / "source" / name)
        make(name, options.folder / "source", options.folder / "data")
        print(f"{name}: {options.folder / 'source' / name}, {options.folder / 'data'}")


if __name__ == "__main__":
    sys.exit(main())
