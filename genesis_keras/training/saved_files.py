"""The model files of a run: functions that do not need TensorFlow."""

import contextlib
import json
import pathlib
import re
import struct
import zipfile
import zlib

from genesis_keras.storage import local_path
from genesis_keras.types import Config, PathLike

MODEL_FILE = "model.keras"
"""The model file of a finished run."""
RECORD = "genesis_keras_run.json"
"""Member of a model file that records the run; ignored by Keras."""
# Errors raised on reading a damaged archive. A flipped bit in a header can indicate a
# compression or encryption that does not exist.
DAMAGE = (
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


class DamagedFileError(ValueError):
    """A model file cannot be read."""


def checkpoint_steps(folder: PathLike) -> list[int]:
    """Returns the steps with a checkpoint in a folder, oldest first.

    Args:
        folder: The `checkpoints` of a run.
    """
    folder = local_path(folder)
    names = folder.iterdir() if folder.is_dir() else ()
    matches = (_NAME.fullmatch(path.name) for path in names)
    return sorted(int(match[1]) for match in matches if match)


def checkpoint_path(folder: PathLike, step: int) -> pathlib.Path:
    """Returns the path of the checkpoint of a step.

    Args:
        folder: The `checkpoints` of a run.
        step: The step.
    """
    return local_path(folder) / f"step_{step:08}.keras"


def saved_models(workdir: PathLike) -> list[pathlib.Path]:
    """Returns the model files of a run: checkpoints from the newest, then the model.

    Args:
        workdir: Folder of the run.
    """
    folder = local_path(workdir) / "checkpoints"
    paths = [checkpoint_path(folder, s) for s in reversed(checkpoint_steps(folder))]
    finished = local_path(workdir) / MODEL_FILE
    return [*paths, finished] if finished.exists() else paths


def find_model(workdir: PathLike) -> tuple[pathlib.Path, int | None]:
    """Finds the newest model of a run, finished or not.

    Args:
        workdir: Folder of the run.

    Returns:
        The path of `model.keras` and None, or, if the run was interrupted (possibly
        after it was extended), path and step of the newest checkpoint.
    """
    finished = local_path(workdir) / MODEL_FILE
    folder = local_path(workdir) / "checkpoints"
    newest = max(checkpoint_steps(folder), default=0)
    if not newest:
        return finished, None
    if finished.exists():
        with contextlib.suppress(DamagedFileError):
            if read_record(finished).get("step", newest) >= newest:
                return finished, None
    return checkpoint_path(folder, newest), newest


def read_record(path: PathLike) -> Config:
    """Reads the record of the run from a model file.

    Args:
        path: The `.keras` file.

    Returns:
        Dict of "model" (the class name), "step" and "settings"; empty if the file has
        no record.

    Raises:
        DamagedFileError: If the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if RECORD not in archive.namelist():
                return {}
            record = json.loads(archive.read(RECORD))
        settings = dict(record.get("settings", {}))
        return {**record, "step": int(record["step"]), "settings": settings}
    except (*DAMAGE, AttributeError, OverflowError) as error:
        raise DamagedFileError(
            f"model file {str(path)!r} is damaged: {error}"
        ) from error
