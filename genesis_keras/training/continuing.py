"""Which run a folder holds, and with which settings it goes on."""

import dataclasses
import pathlib

from genesis_keras.data.registry import get_spec
from genesis_keras.training.config import models_with, resolve
from genesis_keras.training.run_config import CONFIG_FILE, RunConfig
from genesis_keras.training.saved_files import (
    DamagedFileError,
    read_record,
    saved_models,
)

FREE = {"steps", "data_dir", "manual_dir", "strategy", "worker_timeout"}
FREE |= {"summary_every", "picture_every", "checkpoint_every"}
"""Settings that may change when a run goes on."""


def locate(overrides, workdir=None, resume=False):
    """Returns the settings of a run and its folder, from what the user chose.

    Where a run goes on, its own settings hold, and only the chosen ones are compared
    with them.

    Args:
        overrides: Dict of the settings that the user chose.
        workdir: Folder of the run; by default `runs/MODEL-DATASET-sSEED`.
        resume: Whether the run in the folder goes on, if there is one.

    Raises:
        ValueError: A setting is wrong, or cannot change in the run of the folder.
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


def settings_to_go_on(workdir, overrides):
    """Returns the `RunConfig` with which the run of a folder goes on.

    A run that has saved nothing yet starts anew where other settings are chosen.

    Args:
        workdir: Folder of the run; where there is none, the run is a new one.
        overrides: Dict of the settings that the user chose.

    Raises:
        ValueError: A setting is wrong, or cannot change any more.
    """
    before = settings_of(workdir)
    if before is None:
        return resolve(overrides)
    chosen = {k: v for k, v in overrides.items() if (k, v) != ("recipe", "")}
    if "dataset" in chosen:
        chosen["dataset"] = get_spec(chosen["dataset"]).name
    # Raises where a name or a value is wrong.
    resolve({"model": before.model, "dataset": before.dataset, **chosen})
    changed = changed_settings(dataclasses.asdict(before), chosen)
    if changed and holds_run(workdir):
        raise ValueError(_refusal(workdir, changed))
    return resolve(overrides) if changed else dataclasses.replace(before, **chosen)


def check_same_run(workdir, config):
    """Raises ValueError where the run of a folder has other settings.

    Args:
        workdir: Folder of the run.
        config: The `RunConfig` with which it is to go on.
    """
    before = dataclasses.asdict(settings_of(workdir))
    if changed := changed_settings(before, dataclasses.asdict(config)):
        raise ValueError(_refusal(workdir, changed))


def decisive_settings(config):
    """Returns the settings that must be the same in all processes of a job.

    Args:
        config: A `RunConfig`.
    """
    settings = dataclasses.asdict(config)
    return {k: v for k, v in settings.items() if k not in FREE - {"steps"}}


def changed_settings(before, after):
    """Returns what keeps a run from going on, as "NAME=OLD became NEW".

    Settings that a run may change when it goes on, those that its model does not
    have, and those that one side lacks do not count.

    Args:
        before: Dict of the settings of the run.
        after: Dict of the settings now.
    """
    model = before.get("model", after.get("model"))
    return [
        f"{name}={before[name]!r} became {after[name]!r}"
        for name in before
        if name in after.keys() - FREE
        and before[name] != after[name]
        and model in models_with(name)
    ]


def settings_of(workdir):
    """Returns the `RunConfig` of the run in a folder, None where there is none.

    Without `config.json` it is that of the newest checkpoint.

    Args:
        workdir: Folder of the run.

    Raises:
        ValueError: No file says the settings, or it is damaged.
    """
    workdir = pathlib.Path(workdir)
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
            return RunConfig(**settings)
    if files:
        raise ValueError(
            f"workdir={str(workdir)!r} has {files[0].name} but no {CONFIG_FILE}, and "
            "the file does not say its settings: choose another --workdir"
        )
    return None


def holds_run(workdir):
    """Whether a run has saved anything in a folder that would be lost.

    Args:
        workdir: The folder.
    """
    return bool(saved_models(workdir))


def _refusal(workdir, changed):
    return (
        f"cannot resume {str(workdir)!r} with other settings: {', '.join(changed)}; "
        "leave them out, or choose another --workdir"
    )
