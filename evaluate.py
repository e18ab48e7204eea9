"""Scores trained runs: `python evaluate.py --workdir=runs/NAME`.

The door of a checkout to `genesis-evaluate`; see `genesis_keras/commands/evaluate.py`.
"""

import sys

from genesis_keras.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
