"""Runs `genesis-export` as `python -m genesis_keras.export`."""

import sys

from genesis_keras.commands.export import main

if __name__ == "__main__":
    sys.exit(main())
