"""Runs `genesis-segment` as `python -m genesis_keras.segment`."""

import sys

if __name__ == "__main__":
    from genesis_keras.commands.segment import main

    sys.exit(main())

# Keeps `genesis_keras.segment` the function after this module was imported.
from genesis_keras.segmentation.segmenting import segment

sys.modules[__name__] = segment
