"""Resolves the settings of a run from defaults, a recipe and the user's choices."""

import dataclasses
from collections.abc import Sequence

from genesis_keras.data.registry import get_spec
from genesis_keras.training.devices import sees_gpu
from genesis_keras.training.fine_tuning import with_preset
from genesis_keras.training.recipes import RECIPES
from genesis_keras.training.run_config import MODELS, RunConfig, check_settings
from genesis_keras.types import Config


def resolve(overrides: Config | None) -> RunConfig:
    """Returns the settings of a run, with precedence overrides > recipe > defaults.

    A recipe's settings for a data set take precedence over its general ones, and those
    for a model over both. Without a GPU the default recipe is `fast`. If the user
    chooses another number of steps, the schedule of the recipe (`recipes.SCHEDULE`) is
    scaled accordingly, except for settings that are chosen explicitly. With
    `init_from_preset`, the settings of the architecture are those of the preset.

    Args:
        overrides: Dict of the settings chosen by the user.

    Raises:
        ValueError: If a setting, recipe, model, data set or preset is unknown, the
            model does not have a setting, a value is out of range, or a setting does
            not fit the preset.
        OSError: If the preset cannot be downloaded.
    """
    overrides = with_preset(check_settings(overrides))
    model = overrides.get("model", RunConfig.model)
    _check_model(model, overrides)
    spec = get_spec(overrides.get("dataset", RunConfig.dataset))
    recipe = overrides.get("recipe") or _default_recipe(spec)
    settings = {
        "image_size": spec.image_size,
        "num_slots": spec.num_slots,
        "geco_goal": spec.geco_goal,
        **RECIPES[recipe].settings_for(spec.name, model),
    }
    if "steps" in overrides:
        settings |= RECIPES[recipe].schedule(settings, overrides["steps"])
    settings |= overrides
    return RunConfig(**settings | {"dataset": spec.name, "recipe": recipe})


def _default_recipe(spec):
    return spec.recipe if spec.recipe == "fast" or sees_gpu() else "fast"


def models_with(name: str) -> Sequence[str]:
    """Returns the names of the models that have a setting."""
    field = next(f for f in dataclasses.fields(RunConfig) if f.name == name)
    return field.metadata["of"] or MODELS


def _check_model(model, names):
    if unused := [name for name in names if model not in models_with(name)]:
        raise ValueError(f"model={model!r} has no setting {', '.join(unused)}")
