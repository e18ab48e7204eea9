"""Determines the run in a folder, and the settings with which it continues."""

import dataclasses

from genesis_keras.data.registry import get_spec
from genesis_keras.storage import local_path
from genesis_keras.training.config import check_model, models_with, resolve
from genesis_keras.training.run_config import CONFIG_FILE, RunConfig, check_settings
from genesis_keras.training.saved_files import (
    DamagedFileError,
    read_record,
    saved_models,
)
from genesis_keras.types import Config, PathLike

FREE = {"steps", "data_dir", "manual_dir", "strategy", "worker_timeout"}
FREE |= {"summary_every", "picture_every", "checkpoint_every"}
"""Settings that may change when a run is resumed."""


def locate(
    overrides: Config, workdir: PathLike | None = None, resume: bool = False
) -> tuple[RunConfig, PathLike]:
    """Returns the settings and the folder of a run, given the user's choices.

    A resumed run keeps its own settings; only those chosen by the user are compared
    with them.

    Args:
        overrides: Dict of the settings chosen by the user.
        workdir: Folder of the run; by default `runs/MODEL-DATASET-sSEED`.
        resume: Whether to resume the run in the folder, if there is one.

    Raises:
        ValueError: If a setting is invalid, or differs from that of the existing run
            and cannot change.
    """
    if workdir and resume:
        return settings_to_go_on(workdir, overrides), workdir
    config = resolve(overrides)
    if not workdir:
        dataset = config.dataset.replace("/", "-")
        workdir = f"runs/{config.model}-{dataset}-s{config.seed}"
        if resume:
            config = settings_to_go_on(workdir, overrides)
    return config, workdir


def settings_to_go_on(workdir: PathLike, overrides: Config) -> RunConfig:
    """Returns the `RunConfig` with which the run in a folder is resumed.

    A run that has not saved anything yet is restarted if other settings are chosen.

    Args:
        workdir: Folder of the run; if it has none, the run is new.
        overrides: Dict of the settings chosen by the user.

    Raises:
        ValueError: If a setting is invalid, or can no longer change.
    """
    before = settings_of(workdir)
    if before is None:
        return resolve(overrides)
    chosen = {k: v for k, v in overrides.items() if (k, v) != ("recipe", "")}
    if "dataset" in chosen:
        chosen["dataset"] = get_spec(chosen["dataset"]).name
    # The preset of a fine-tuned run is not read again.
    check_model(chosen.get("model", before.model), check_settings(chosen))
    changed = changed_settings(dataclasses.asdict(before), chosen)
    if changed and holds_run(workdir):
        raise ValueError(_refusal(workdir, changed))
    return resolve(overrides) if changed else dataclasses.replace(before, **chosen)


def check_same_run(workdir: PathLike, config: RunConfig) -> None:
    """Raises `ValueError` if the run in a folder has other settings.

    Args:
        workdir: Folder of the run.
        config: The `RunConfig` with which it would be resumed.
    """
    before = dataclasses.asdict(settings_of(workdir))
    if changed := changed_settings(before, dataclasses.asdict(config)):
        raise ValueError(_refusal(workdir, changed))


def decisive_settings(config: RunConfig) -> Config:
    """Returns the settings that must be the same in all processes of a job.

    Args:
        config: A `RunConfig`.
    """
    settings = dataclasses.asdict(config)
    return {k: v for k, v in settings.items() if k not in FREE - {"steps"}}


def changed_settings(before: Config, after: Config) -> list[str]:
    """Returns the changes that prevent resuming a run, as "NAME=OLD became NEW".

    Ignores settings that may change when a run is resumed, settings that the model does
    not have, and settings that are missing on either side.

    Args:
        before: Dict of the settings of the run.
        after: Dict of the new settings.
    """
    model = before.get("model", after.get("model"))
    return [
        f"{name}={before[name]!r} became {after[name]!r}"
        for name in before
        if name in after.keys() - FREE
        and before[name] != after[name]
        and model in models_with(name)
    ]


def settings_of(workdir: PathLike) -> RunConfig | None:
    """Returns the `RunConfig` of the run in a folder, or None if there is no run.

    If `config.json` is missing, the newest checkpoint is used.

    Args:
        workdir: Folder of the run.

    Raises:
        ValueError: If no file contains the settings, or the file is damaged.
    """
    workdir = local_path(workdir)
    if (workdir / CONFIG_FILE).exists():
        return RunConfig.load(workdir)
    files = saved_models(workdir)
    for path in files:
        try:
            settings = read_record(path).get("settings")
        except DamagedFileError:
            continue
        if settings:
            print(f"{workdir} has no {CONFIG_FILE}: settings of {path.name}")
            try:
                return RunConfig(**check_settings(settings))
            except ValueError as error:
                raise ValueError(f"settings in {str(path)!r}: {error}") from error
    if files:
        raise ValueError(
            f"workdir={str(workdir)!r} has {files[0].name} but no {CONFIG_FILE}, and "
            "the file does not say its settings: choose another --workdir"
        )
    return None


def holds_run(workdir: PathLike) -> bool:
    """Whether a folder contains results of a run that could be lost.

    Args:
        workdir: The folder.
    """
    return bool(saved_models(workdir))


def _refusal(workdir, changed):
    return (
        f"cannot resume {str(workdir)!r} with other settings: {', '.join(changed)}; "
        "leave them out, or choose another --workdir"
    )
