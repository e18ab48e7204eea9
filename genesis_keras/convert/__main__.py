"""Door to the command: `python -m genesis_keras.convert` is `genesis-convert`."""

import sys

from genesis_keras.commands.convert import main

if __name__ == "__main__":
    sys.exit(main())
