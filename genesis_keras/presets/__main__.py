"""Prints the table of the bundled presets: `python -m genesis_keras.presets`."""

from genesis_keras.presets.card import presets_table
from genesis_keras.presets.reading import bundled_presets

if __name__ == "__main__":
    print(presets_table(bundled_presets()))
