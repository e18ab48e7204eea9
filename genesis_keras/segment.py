"""Door to the command: `python -m genesis_keras.segment` is `genesis-segment`."""

import sys

if __name__ == "__main__":
    from genesis_keras.commands.segment import main

    sys.exit(main())

# `genesis_keras.segment` is the function, also after this module was imported.
from genesis_keras.segmentation.segmenting import segment

sys.modules[__name__] = segment
