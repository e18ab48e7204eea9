"""All settings of a run: a dataclass that also defines the command-line flags."""

import dataclasses
import json

from genesis_keras.data.registry import get_spec
from genesis_keras.storage import local_path, write_json
from genesis_keras.training.devices import best_precision
from genesis_keras.training.geco_goals import goal_of_mse, mse_of_goal
from genesis_keras.training.recipes import RECIPES
from genesis_keras.training.settings.fitting import FittingSettings
from genesis_keras.training.settings.general import GeneralSettings
from genesis_keras.training.settings.model import LIKELIHOOD, ModelSettings
from genesis_keras.training.validation import checked
from genesis_keras.types import Config, PathLike

CONFIG_FILE = "config.json"


# A dataclass takes the fields of its last base first.
@dataclasses.dataclass(frozen=True)
class RunConfig(FittingSettings, ModelSettings, GeneralSettings):
    """All settings that determine a run; create one with `resolve`.

    Each field becomes a command-line flag, in the topic under which it is listed. If
    `goal_mse` is set, `geco_goal` is the goal that corresponds to it at `pixel_scale`.

    Raises:
        ValueError: If a value has the wrong type or is out of range, the data set is
            not known, or no reconstruction can meet `geco_goal`.
    """

    def __post_init__(self):
        for name, value in check_settings(dataclasses.asdict(self)).items():
            object.__setattr__(self, name, value)  # with its declared type
        if self.batch_size % self.accumulate_steps:
            raise ValueError(
                f"accumulate_steps must divide batch_size={self.batch_size}; "
                f"got {self.accumulate_steps}"
            )
        if self.geco_initial_beta < self.geco_min_beta:
            raise ValueError(
                f"geco_initial_beta must be at least geco_min_beta="
                f"{self.geco_min_beta}; got {self.geco_initial_beta}"
            )
        if self.goal_mse:
            goal = goal_of_mse(self.goal_mse, self.pixel_scale)
            object.__setattr__(self, "geco_goal", goal)
        elif self.model in LIKELIHOOD:
            mse_of_goal(self.geco_goal, self.pixel_scale)  # raises below the floor

    def save(self, workdir: PathLike) -> None:
        """Writes the settings to `workdir/config.json`."""
        write_json(local_path(workdir) / CONFIG_FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, workdir: PathLike) -> "RunConfig":
        """Reads the settings of the run in `workdir`.

        Args:
            workdir: Folder of a run.

        Raises:
            ValueError: There is no run, or its file is damaged.
        """
        path = local_path(workdir) / CONFIG_FILE
        try:
            settings = json.loads(path.read_text())
            if not isinstance(settings, dict):
                raise ValueError("it is no JSON object")
            return cls(**check_settings(settings))
        except FileNotFoundError as error:
            raise ValueError(
                f"workdir={str(workdir)!r} holds no run: it has no {CONFIG_FILE}"
            ) from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{str(path)!r} is damaged: {error}") from error


def check_settings(settings: Config) -> Config:
    """Validates settings; returns them with their declared types.

    Args:
        settings: Dict of some or all settings of a run.

    Raises:
        ValueError: A name or a data set is not known, or a value is of the wrong type
            or out of range.
    """
    fields = {field.name: field for field in dataclasses.fields(RunConfig)}
    if unknown := sorted(map(str, settings.keys() - fields.keys())):
        raise ValueError(f"unknown settings {unknown}")
    values = {name: checked(fields[name], value) for name, value in settings.items()}
    if values.get("precision") == "auto":  # from here on, and on resuming, a fact
        values["precision"] = best_precision()
    if "dataset" in values:
        get_spec(values["dataset"])
    if values.get("recipe") and values["recipe"] not in RECIPES:
        raise ValueError(
            f"recipe must be one of {sorted(RECIPES)}; got {values['recipe']!r}"
        )
    return values
