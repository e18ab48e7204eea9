"""Runs `genesis-convert` as `python -m genesis_keras.convert`."""

import sys

from genesis_keras.commands.convert import main

if __name__ == "__main__":
    sys.exit(main())
