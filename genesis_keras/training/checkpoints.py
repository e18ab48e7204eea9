"""Checkpoints: complete models in `.keras` files, which are written atomically.

A checkpoint contains the weights and the states of the optimiser, GECO and the random
number generator; the position in the data is the optimiser's step. An additional member
of the archive records the run: model, step and settings. A file only appears under its
name when it is complete.
"""

import dataclasses
import json
import pathlib
import re
import zipfile
from typing import TYPE_CHECKING

import keras

from genesis_keras.archive_sizes import check_keras
from genesis_keras.models.base import SceneModel
from genesis_keras.models.registry import MODELS, get_model, settings_of
from genesis_keras.models.weights import check_finite_weights
from genesis_keras.storage import local_path, replacing
from genesis_keras.training.continuing import changed_settings
from genesis_keras.training.progress import say
from genesis_keras.training.saved_files import (
    DAMAGE,
    RECORD,
    DamagedFileError,
    checkpoint_path,
    checkpoint_steps,
    read_record,
)
from genesis_keras.types import Config, Model, PathLike

if TYPE_CHECKING:
    from genesis_keras.training.run_config import RunConfig

# How Keras begins its message about a class that is not registered with it.
_UNKNOWN = re.compile(r"Could not locate (\w+ '[^']*')")


class CheckpointStore:
    """The checkpoints of one run, `folder/step_00000500.keras` and so on.

    Args:
        folder: Folder of the checkpoints, created with the first one.
        keep: Number of the newest checkpoints to keep.
        config: The `RunConfig` of the run. It is written to each checkpoint, and
            compared with that of a restored one. If None, neither is done.

    Attributes:
        record: The `run_record` of the restored checkpoint, None before `restore`.
        facts: Function that returns a dict to add to the record of each checkpoint.
    """

    def __init__(
        self, folder: PathLike, keep: int = 3, config: "RunConfig | None" = None
    ) -> None:
        self.folder = local_path(folder)
        self.keep = keep
        self.config = config
        self.record = None
        self.facts = dict

    def steps(self) -> list[int]:
        """Returns the steps with a checkpoint, oldest first."""
        return checkpoint_steps(self.folder)

    def path(self, step: int) -> pathlib.Path:
        """Returns the path of the checkpoint of a step."""
        return checkpoint_path(self.folder, step)

    def save(self, model: Model, step: int) -> None:
        """Writes a checkpoint, then deletes the oldest in excess of `keep`.

        Args:
            model: A compiled model.
            step: Number of training steps.

        Raises:
            OSError: If the file cannot be written; older checkpoints are untouched.
        """
        record = run_record(model, step, self.config) | self.facts()
        save_model(model, self.path(step), record)
        for old in self.steps()[: -self.keep]:
            self.path(old).unlink()

    def restore(self, last: PathLike | None = None) -> tuple[Model, int] | None:
        """Loads the newest checkpoint that can be read.

        Args:
            last: Path of a finished model, used if there is no checkpoint.

        Returns:
            The model and its step, or None if there is no checkpoint.

        Raises:
            ValueError: If there are checkpoints but none can be read, or the newest
                belongs to another step or run.
        """
        paths = [self.path(step) for step in reversed(self.steps())]
        if not paths and last is not None and local_path(last).exists():
            paths = [local_path(last)]
        damaged = []
        for path in paths:
            try:
                model = load_model(path)
                step = self._checked_step(model, path)
            except DamagedFileError as error:
                damaged.append(str(error))
                continue
            for message in damaged:
                say(f"{message}; using the one before")
            self.record = read_record(path)
            return model, step
        if damaged:
            raise ValueError("no checkpoint can be read: " + "; ".join(damaged))
        return None

    def _checked_step(self, model, path):
        """Returns the step of a loaded model; raises `ValueError` on a mismatch."""
        record = read_record(path)
        if model.optimizer is None:
            raise ValueError(f"{str(path)!r} has no optimizer: it is no checkpoint")
        step = record.get("step", int(model.optimizer.iterations.numpy()))
        # The file name of a finished model has no step.
        if path.parent == self.folder and path != self.path(step):
            raise ValueError(
                f"checkpoint {str(path)!r} is of step {step}: rename it to "
                f"{self.path(step).name}, or remove it"
            )
        if self.config is not None:
            _check_run(model, path, record.get("settings", {}), self.config)
        return step


def _check_run(model, path, recorded, config):
    """Raises `ValueError` if a model does not match the settings of the run."""
    model_class = get_model(config.model)
    if type(model) is not model_class:
        raise ValueError(
            f"checkpoint {str(path)!r} holds a {type(model).__name__}, and the run is "
            f"of model={config.model!r}: remove it, or choose another --workdir"
        )
    here = dataclasses.asdict(config)
    names = set(settings_of(model_class)) & here.keys()
    built = {k: v for k, v in model.get_config().items() if k in names}
    # Detects manual changes of config.json.
    if changed := changed_settings({**recorded, **built}, here):
        raise ValueError(
            f"checkpoint {str(path)!r} is of other settings than the run: "
            f"{', '.join(changed)}"
        )


def run_record(model: Model, step: int, config: "RunConfig | None" = None) -> Config:
    """Returns the record of a run for a model file: model, step and settings.

    Args:
        model: The model.
        step: Number of training steps.
        config: The `RunConfig`, if there is one.
    """
    record = {"model": type(model).__name__, "step": step}
    if config is not None:
        record["settings"] = dataclasses.asdict(config)
    return record


def save_model(model: Model, path: PathLike, record: Config | None = None) -> None:
    """Writes a `.keras` file atomically.

    Args:
        model: The model.
        path: Path of the file; an existing file is replaced.
        record: A `run_record` to include in the file.

    Raises:
        OSError: If the file cannot be written; an existing file is not changed.
        ValueError: If a weight is not finite.
    """
    check_finite_weights(model, "not saved")
    with replacing(path) as partial:
        model.save(partial)
        if record is not None:
            with zipfile.ZipFile(partial, "a") as archive:
                archive.writestr(RECORD, json.dumps(record))


def load_model(path: PathLike) -> Model:
    """Reads a `.keras` file.

    Args:
        path: The file.

    Raises:
        ValueError: If the file is missing, holds another kind of model, or one that was
            compiled with a class that is not known here.
        DamagedFileError: If it is damaged, or a weight is not finite.
    """
    path = local_path(path)
    if not path.is_file():
        raise ValueError(f"there is no model file {str(path)!r}")
    try:
        check_keras(path)
        with zipfile.ZipFile(path) as archive:
            if (bad := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"bad checksum of {bad}")
            config = json.loads(archive.read("config.json"))
        name = config["registered_name"] or config["class_name"]
        model = keras.models.load_model(path) if _is_scene_model(name) else None
    except DAMAGE as error:
        if unknown := _UNKNOWN.search(str(error)):
            raise ValueError(
                f"model file {str(path)!r} needs {unknown[1]}, which is not known "
                "here: import it first, or save the model without it"
            ) from error
        raise DamagedFileError(
            f"model file {str(path)!r} is damaged: {error}"
        ) from error
    if model is None:
        raise ValueError(
            f"model file {str(path)!r} holds a {name}, which is none of the known "
            f"models: {', '.join(sorted(MODELS))} (import your own model class "
            "first)"
        )
    try:
        check_finite_weights(model, f"model file {str(path)!r} cannot be used")
    except ValueError as error:
        raise DamagedFileError(str(error)) from None
    return model


def _is_scene_model(name):
    known = keras.saving.get_registered_object(name)
    return isinstance(known, type) and issubclass(known, SceneModel)
