"""Runs the command `python -m genesis_keras.presets`."""

import sys

from genesis_keras.commands.presets import main

if __name__ == "__main__":
    sys.exit(main())
