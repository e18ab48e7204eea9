"""The files of a preset."""

import pathlib

from genesis_keras.types import PathLike

CONFIG_FILE = "config.json"
METADATA_FILE = "metadata.json"
WEIGHTS_FILE = "model.weights.h5"
CARD_FILE = "README.md"
EXAMPLES = "examples"
"""Folder of example pictures, PNG files (optional)."""
BUNDLED = pathlib.Path(__file__).parent / "bundled"
"""Folder of the presets that come with the package, with a subfolder for each."""
HUB = "hf://"
RUN_PRESET = "preset"
"""Folder in that of a run, which the run writes at its end."""


def is_preset(folder: PathLike) -> bool:
    """Returns whether a folder has the files of a preset.

    Args:
        folder: The folder.
    """
    folder = pathlib.Path(folder)
    return all((folder / name).is_file() for name in (CONFIG_FILE, WEIGHTS_FILE))


def example_paths(folder: PathLike) -> list[pathlib.Path]:
    """Returns the paths of a preset's example pictures, in order.

    Args:
        folder: Folder of the preset.
    """
    return sorted((pathlib.Path(folder) / EXAMPLES).glob("*.png"))
