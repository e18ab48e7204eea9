"""Checkpoints: whole models in `.keras` files, written so that none is ever lost.

A checkpoint holds weights, optimiser, GECO and random state; the data position is
the optimiser's step. Each file appears under its name only when complete.
"""

import pathlib
import re
import struct
import zipfile
import zlib

import keras
import numpy as np

from genesis_keras.storage import replacing

# What reading a damaged archive raises: a flipped bit in a header can mean a
# compression or an encryption that does not exist.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
)
_NAME = re.compile(r"step_(\d{8})\.keras")


class CheckpointStore:
    """The checkpoints of one run, `folder/step_00000500.keras` and so on.

    Args:
        folder: Where they are; made when the first is written.
        keep: How many of the newest stay.
    """

    def __init__(self, folder, keep=3):
        self.folder = pathlib.Path(folder)
        self.keep = keep

    def steps(self):
        """Steps that have a checkpoint, oldest first."""
        names = self.folder.iterdir() if self.folder.is_dir() else ()
        matches = (_NAME.fullmatch(path.name) for path in names)
        return sorted(int(match[1]) for match in matches if match)

    def path(self, step):
        """Path of the checkpoint of a step."""
        return self.folder / f"step_{step:08}.keras"

    def save(self, model, step):
        """Writes a checkpoint, then drops the oldest beyond `keep`.

        Args:
            model: A compiled model.
            step: Steps it was trained for.

        Raises:
            OSError: The file cannot be written; older checkpoints are untouched.
        """
        save_model(model, self.path(step))
        for old in self.steps()[: -self.keep]:
            self.path(old).unlink()

    def remove_partial(self):
        """Removes what writers that were killed have left; none may be writing now."""
        for path in self.folder.glob(".*.step_*.keras"):
            path.unlink()

    def restore(self):
        """Loads the newest checkpoint that can be read.

        Returns:
            The model and its step, or None if there is no checkpoint.

        Raises:
            ValueError: There are checkpoints and none can be read.
        """
        damaged = []
        for step in reversed(self.steps()):
            try:
                model = load_model(self.path(step))
            except ValueError as error:
                damaged.append(str(error))
                continue
            for message in damaged:
                print(f"{message}; using the one before", flush=True)
            return model, step
        if damaged:
            raise ValueError("no checkpoint can be read: " + "; ".join(damaged))
        return None


def save_model(model, path):
    """Writes a `.keras` file that appears under its name only when complete.

    Args:
        model: The model.
        path: Where to; a file there is replaced.

    Raises:
        OSError: The file cannot be written; a file there before is untouched.
        ValueError: A weight is not finite.
    """
    for variable in model.trainable_weights:
        if not np.isfinite(variable.numpy()).all():
            raise ValueError(f"not saved: weight {variable.path} is not finite")
    with replacing(path) as partial:
        model.save(partial)


def load_model(path):
    """Reads a `.keras` file.

    Args:
        path: The file.

    Raises:
        ValueError: The file is missing, damaged or of another kind.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"there is no model file {str(path)!r}")
    try:
        with zipfile.ZipFile(path) as archive:
            if (bad := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"bad checksum of {bad}")
        return keras.models.load_model(path)
    except _DAMAGE as error:
        raise ValueError(f"model file {str(path)!r} is damaged: {error}") from error
