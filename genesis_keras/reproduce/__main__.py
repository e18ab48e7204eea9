"""Runs `genesis-reproduce` as `python -m genesis_keras.reproduce`."""

import sys

from genesis_keras.commands.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
