"""The settings of a run as command-line flags, as JSON files and as tables."""

import dataclasses
import json
from typing import Any

from genesis_keras.storage import local_path
from genesis_keras.training.config import models_with, resolve
from genesis_keras.training.recipes import RECIPES
from genesis_keras.training.run_config import RunConfig, check_settings
from genesis_keras.training.settings.general import MODELS
from genesis_keras.types import Config, PathLike

# A file with all of these was written by a run.
_OF_A_RUN = {"model", "dataset", "recipe", "seed", "steps", "batch_size"}
_GOALS = {"geco_goal", "goal_mse"}  # of which one can be chosen


def define_settings(parser: Any) -> None:
    """Adds a flag for each setting, grouped by topic, and `--config`.

    Args:
        parser: A `CommandParser`.
    """
    defaults = _shown({})
    for field in dataclasses.fields(RunConfig):
        if field.metadata["topic"]:
            parser.topic(
                field.metadata["topic"], brief=field.metadata["topic"] != "Run"
            )
        default, meaning = defaults[field.name], _meaning(field)
        if field.type is bool:
            parser.switch(field.name, meaning, default=None, shown=default)
        else:
            parser.flag(field.name, None, meaning, kind=field.type, shown=default)
        if field.name == "recipe":
            parser.flag(
                "config", meaning="JSON file of settings, of a run or a search."
            )


def chosen_settings(options: Config) -> Config:
    """Returns the settings chosen by the user: those of the file, then the flags.

    Args:
        options: Options parsed with the flags of `define_settings`.

    Raises:
        ValueError: If the file cannot be read, or a value is wrong.
    """
    values = given_settings(options)
    if options.config:
        settings = read_settings(options.config, values.get("model"))
        if not values.keys().isdisjoint(_GOALS):  # the file's goal is replaced
            settings = {k: v for k, v in settings.items() if k not in _GOALS}
        values = {**settings, **values}
    return check_settings(values)


def given_settings(options: Config) -> Config:
    """Returns the settings given as flags.

    Args:
        options: What a parser with the flags of `define_settings` returned.
    """
    names = {field.name for field in dataclasses.fields(RunConfig)}
    return {n: v for n, v in vars(options).items() if n in names and v is not None}


def read_settings(path: PathLike, model: str | None = None) -> Config:
    """Reads a JSON object of settings.

    The `config.json` of a run lists the settings of all models; those that the model of
    the run does not have are dropped.

    Args:
        path: The file.
        model: Name of the model; by default that of the file.

    Raises:
        ValueError: If the file is missing or has other contents.
    """
    try:
        settings = json.loads(local_path(path).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"config={str(path)!r} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"config={str(path)!r} holds no settings: {settings!r}")
    try:
        settings = check_settings(settings)
    except ValueError as error:
        raise ValueError(f"config={str(path)!r}: {error}") from error
    if settings.keys() >= _OF_A_RUN:
        model = model or settings["model"]
        # With goal_mse the goal of the run only says what follows from it.
        left_out = "geco_goal" if settings.get("goal_mse") else "goal_mse"
        return {
            name: settings[name]
            for name in settings
            if model in models_with(name) and name != left_out
        }
    return settings


def _meaning(field):
    """Returns the meaning of a setting, and its models unless all have it."""
    models, meaning = models_with(field.name), field.metadata["help"]
    if field.name == "model":
        meaning = f"{', '.join(MODELS[:-1])} or {MODELS[-1]}."
    return meaning if models == MODELS else f"{meaning} ({', '.join(models)} only)"


def _shown(chosen: Config) -> Config:
    """Returns the resolved settings, with the precision that the recipe names.

    "auto" resolves differently on different machines.
    """
    config = resolve(chosen)
    named = RECIPES[config.recipe].settings.get("precision", RunConfig.precision)
    return dataclasses.asdict(config) | {"precision": named}


def flags_table() -> str:
    """Returns the table of settings for the documentation."""
    lines = [
        "| flag | `fast` on sprites | `paper` | meaning |",
        "| --- " * 4 + "|",
    ]
    fast, paper = _shown({}), _shown({"recipe": "paper"})
    for field in dataclasses.fields(RunConfig):
        values = [settings[field.name] for settings in (fast, paper)]
        cells = " | ".join("" if value == "" else str(value) for value in values)
        lines.append(f"| `--{field.name}` | {cells} | {_meaning(field)} |")
    return "\n".join(lines)


def recipes_table() -> str:
    """Returns the documentation's table of the recipes' settings for other models."""
    lines = ["| model | recipe | settings |", "| --- " * 3 + "|"]
    for recipe in sorted(RECIPES):
        for model, settings in RECIPES[recipe].model_settings.items():
            cells = ", ".join(f"`--{key}={value}`" for key, value in settings.items())
            lines.append(f"| {model} | `{recipe}` | {cells} |")
    return "\n".join(lines)
