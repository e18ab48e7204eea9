"""Door to the command: `python -m genesis_keras.export` is `genesis-export`."""

import sys

from genesis_keras.commands.export import main

if __name__ == "__main__":
    sys.exit(main())
