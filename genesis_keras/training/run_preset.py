"""Presets of runs and their metadata."""

import dataclasses
import pathlib
import shlex

from genesis_keras.data.registry import get_spec
from genesis_keras.presets.finding import preset_name
from genesis_keras.presets.layout import HUB, RUN_PRESET
from genesis_keras.presets.reading import read_metadata
from genesis_keras.presets.writing import write_preset
from genesis_keras.training.config import models_with, resolve
from genesis_keras.training.provenance import KEPT
from genesis_keras.training.run_config import RunConfig
from genesis_keras.types import Config, Model, PathLike

_PLACES = ("data_dir", "manual_dir")  # of one machine
_EARLIER = ("command", "dataset", "steps", "seed", "minutes", "hardware", "commit")


def write_run_preset(
    model: Model, workdir: PathLike, config: RunConfig, record: Config | None
) -> pathlib.Path:
    """Writes the preset of a run to `workdir/preset`, replacing an existing one.

    Args:
        model: The trained model.
        workdir: Folder of the run.
        config: The `RunConfig`.
        record: The `run_record` of the model.

    Returns:
        The preset's folder.

    Raises:
        ValueError: If the folder has other contents, or a weight is not finite.
        OSError: If it cannot be written.
    """
    folder = pathlib.Path(workdir) / RUN_PRESET
    write_preset(model, folder, run_metadata(config, record))
    return folder


def run_metadata(config: RunConfig, record: Config | None) -> Config:
    """Returns the metadata of a run's preset, without scores.

    Args:
        config: The `RunConfig`.
        record: The `run_record` of the model, `{}` if unknown.
    """
    settings = dataclasses.asdict(config) | dict.fromkeys(_PLACES, "")
    settings["init_from_preset"] = _portable(config.init_from_preset)
    known = {name: record.get(name) or None for name in KEPT}
    if known["versions"] is None:
        del known["versions"]  # those of the writing remain
    return {
        "dataset": config.dataset,
        "command": command_of(config),
        "settings": settings,
        "steps": record.get("step", config.steps),
        "seed": config.seed,
        "licence": None,
        **known,
        "earlier_training": _earlier_training(config.init_from_preset),
        "scores": {},
    }


def command_of(config: RunConfig) -> str:
    """Returns the command that trains a run, with the flags that are not defaults.

    Args:
        config: The `RunConfig`.
    """
    settings = dataclasses.asdict(config)
    kept = {name: settings[name] for name in ("model", "dataset", "recipe")}
    chosen = {
        name: value
        for name, value in kept.items()
        if name != "recipe" and value != getattr(RunConfig, name)
    }
    if not config.recipe == get_spec(config.dataset).recipe == "fast":
        chosen["recipe"] = config.recipe  # the default depends on the machine
    if config.steps != resolve(kept).steps:
        chosen["steps"] = kept["steps"] = config.steps  # the schedule follows it
    usual = dataclasses.asdict(resolve(kept))
    chosen |= {
        name: value
        for name, value in settings.items()
        if name not in _PLACES
        and config.model in models_with(name)
        and value != usual[name]
    }
    if "init_from_preset" in chosen:
        chosen["init_from_preset"] = _portable(config.init_from_preset)
    if "goal_mse" in chosen:
        chosen.pop("geco_goal", None)  # follows from it, and only one can be given
    flags = [f"--{name}={value}" for name, value in chosen.items()]
    return shlex.join(["python", "train.py", *flags])


def _portable(preset):
    """Returns the address of a preset; the name alone of a folder of this machine."""
    if not preset or preset.startswith(HUB):
        return preset
    return preset_name(preset)


def _earlier_training(preset):
    """Returns facts of the runs that a run continues, oldest first."""
    if not preset:
        return []
    try:
        metadata = read_metadata(preset)
    except (OSError, ValueError):
        metadata = {}  # moved since the run has read it: its facts are unknown
    earlier = {name: metadata.get(name) for name in _EARLIER}
    return [
        *(metadata.get("earlier_training") or []),
        {"name": _portable(preset), **earlier},
    ]
