"""Resolves the settings of a run from defaults, a recipe and the user's choices."""

import dataclasses
from collections.abc import Iterable, Sequence

from genesis_keras.data.registry import get_spec
from genesis_keras.training.devices import sees_gpu
from genesis_keras.training.fine_tuning import with_preset
from genesis_keras.training.geco_goals import goal_of_mse, mse_of_goal
from genesis_keras.training.recipes import RECIPES
from genesis_keras.training.run_config import RunConfig, check_settings
from genesis_keras.training.settings.general import MODELS
from genesis_keras.types import Config


def resolve(overrides: Config | None) -> RunConfig:
    """Returns the settings of a run, with precedence overrides > recipe > defaults.

    A recipe's settings for a data set take precedence over its general ones, and those
    for a model over both. Without a GPU the default recipe is `fast`. If the user
    chooses another number of steps, the schedule of the recipe (`recipes.SCHEDULE`) is
    scaled accordingly, except for settings that are chosen explicitly. With
    `init_from_preset`, the settings of the architecture are those of the preset. If the
    user chooses another sigma_x, GECO's goal still corresponds to the squared error of
    the recipe.

    Args:
        overrides: Dict of the settings chosen by the user.

    Raises:
        ValueError: If a setting, recipe, model, data set or preset is unknown, the
            model does not have a setting, a value is out of range, both `goal_mse`
            and `geco_goal` are chosen, or a setting does not fit the preset.
        OSError: If the preset cannot be downloaded.
    """
    overrides = with_preset(check_settings(overrides))
    model = overrides.get("model", RunConfig.model)
    check_model(model, overrides)
    _check_goals(overrides)
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
    if RECIPES[recipe].scales and "pixel_scale" in overrides:
        settings["geco_goal"] = _same_error(settings, overrides["pixel_scale"])
    settings |= overrides
    return RunConfig(**settings | {"dataset": spec.name, "recipe": recipe})


def _default_recipe(spec):
    return spec.recipe if spec.recipe == "fast" or sees_gpu() else "fast"


def models_with(name: str) -> Sequence[str]:
    """Returns the names of the models that have a setting."""
    field = next(f for f in dataclasses.fields(RunConfig) if f.name == name)
    return field.metadata["of"] or MODELS


def _same_error(settings, pixel_scale):
    """Returns the goal of a recipe at another sigma_x than the recipe's."""
    goal, before = settings["geco_goal"], settings.get("pixel_scale")
    if before in (None, pixel_scale):  # None: the model has no likelihood
        return goal
    return goal_of_mse(mse_of_goal(goal, before), pixel_scale)


def _check_goals(settings):
    if settings.get("goal_mse") and "geco_goal" in settings:
        raise ValueError(
            f"goal_mse={settings['goal_mse']} and geco_goal={settings['geco_goal']} "
            "both say GECO's goal: choose one"
        )


def check_model(model: str, names: Iterable[str]) -> None:
    """Raises ValueError where a model does not have one of the settings named.

    Args:
        model: Name of the model.
        names: Names of settings.
    """
    if unused := [name for name in names if model not in models_with(name)]:
        raise ValueError(f"model={model!r} has no setting {', '.join(unused)}")
