"""Door to the command: `python -m genesis_keras.presets` lists the presets."""

import sys

from genesis_keras.commands.presets import main

if __name__ == "__main__":
    sys.exit(main())
