"""Trains a model: `python train.py` learns to segment the embedded sprites.

The door of a checkout to `genesis-train`; see `genesis_keras/commands/train.py`.
"""

import sys

from genesis_keras.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
