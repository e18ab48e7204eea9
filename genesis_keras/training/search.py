"""Hyperparameter search with KerasTuner; the command is `train.py --tune`."""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from genesis_keras.storage import local_path, replacing, write_json
from genesis_keras.training.callbacks import DivergedError
from genesis_keras.training.config import models_with, resolve
from genesis_keras.training.geco_goals import mse_of_goal
from genesis_keras.training.goals import ALGORITHMS, OBJECTIVES
from genesis_keras.training.preemption import PreemptedError
from genesis_keras.training.run import train
from genesis_keras.types import Config, Model, PathLike, Scores

if TYPE_CHECKING:
    from genesis_keras.training.run_config import RunConfig

HYPERBAND_FACTOR = 3
MAX_EPOCHS = HYPERBAND_FACTOR**2  # the shortest trials have a ninth of the steps


def search_space(config: "RunConfig", held: Sequence[str] = ()) -> Any:
    """Returns the `keras_tuner.HyperParameters` to search for a model.

    These are learning rate, K, feature size, kernel, GECO's goal and step size, and
    sigma_x. The intervals are centred at the values of `config`, which the first trial
    uses. The goal is parametrised by the corresponding squared error (`goal_mse`),
    because the goals that can be met depend on sigma_x.

    Args:
        config: A `RunConfig`.
        held: Names of settings that are kept fixed.

    Raises:
        ValueError: If all settings are kept fixed.
    """
    space = keras_tuner.HyperParameters()
    rate, step = config.learning_rate, config.geco_step_size
    scale = config.pixel_scale
    # The squared error of the recipe's goal at its own sigma_x.
    names = ("model", "dataset", "recipe")
    recipe = resolve({name: getattr(config, name) for name in names})
    error = mse_of_goal(recipe.geco_goal, recipe.pixel_scale)
    floats = {
        "learning_rate": (rate / 10, rate * 10, rate),
        "goal_mse": (error / 4, error * 4, error),
        "geco_step_size": (step / 100, step * 100, step),
        "pixel_scale": (scale / 4, scale * 2, scale),
    }
    choices = {
        "num_slots": [
            max(2, config.num_slots - 1),
            config.num_slots,
            config.num_slots + 1,
        ],
        "feature_dim": sorted({16, 32, 64, config.feature_dim}),
        "kernel": ["gaussian", "laplacian", "epanechnikov"],
    }

    held = {*held, *(["goal_mse"] if "geco_goal" in held else [])}

    def searched(name):
        return name not in held and config.model in models_with(name)

    for name in filter(searched, floats):
        low, high, default = floats[name]
        space.Float(name, low, high, default=default, sampling="log")
    for name in filter(searched, choices):
        values = sorted(set(choices[name]))
        space.Choice(name, values, default=getattr(config, name))
    if not space.space:
        names = ", ".join(sorted(held))
        raise ValueError(f"nothing is left to search: {names} are held")
    return space


def make_oracle(
    algorithm: str,
    objective: str,
    num_trials: int,
    config: "RunConfig",
    held: Sequence[str] = (),
) -> Any:
    """Returns the KerasTuner oracle, which proposes the trials.

    Args:
        algorithm: "hyperband" for many short trials of which the best continue, or
            "bayesian" for trials of full length.
        objective: One of `OBJECTIVES`.
        num_trials: Maximum number of trials. Hyperband ends after 23.
        config: A `RunConfig`: default values, steps and seed.
        held: Names of settings that are kept fixed.

    Raises:
        ValueError: If the algorithm or objective is unknown.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {ALGORITHMS}; got {algorithm!r}")
    if objective not in OBJECTIVES:
        raise ValueError(
            f"objective must be one of {sorted(OBJECTIVES)}; got {objective!r}"
        )
    common = {
        "objective": keras_tuner.Objective(objective, OBJECTIVES[objective][1]),
        "hyperparameters": search_space(config, held),
        "allow_new_entries": False,
        "seed": config.seed,
    }
    if algorithm == "bayesian":
        return keras_tuner.oracles.BayesianOptimizationOracle(
            max_trials=num_trials, **common
        )
    oracle = keras_tuner.oracles.HyperbandOracle(
        max_epochs=MAX_EPOCHS, factor=HYPERBAND_FACTOR, **common
    )
    oracle.max_trials = num_trials
    return oracle


class RunTuner(keras_tuner.Tuner):
    """Runs each trial in `workdir/search/trial_ID/run`.

    Args:
        base: Dict of the common settings of all trials; `steps` is that of the longest.
        score: Function (model) -> dict of scores.
        workdir: Folder of the search.
        oracle: What `make_oracle` returned.
    """

    def __init__(
        self,
        base: Config,
        score: Callable[[Model], Scores],
        workdir: PathLike,
        oracle: Any,
    ) -> None:
        super().__init__(oracle, directory=str(workdir), project_name="search")
        self.base = base
        self.score = score
        self.workdir = local_path(workdir)

    def run_trial(self, trial: Any) -> Scores:
        """Trains a trial, continues its training, or finishes an interrupted one.

        Returns:
            Dict of the objective.

        Raises:
            keras_tuner.errors.FailedTrialError: If the run diverges, or does not fit
                into memory.
            keras_tuner.errors.FatalError: If the search has to end.
        """
        values = trial.hyperparameters.values
        config = resolve({**self.base, **drawn(values)})
        epochs = values.get("tuner/epochs", MAX_EPOCHS)
        steps = max(1, config.steps * epochs // MAX_EPOCHS)
        folder = self._folder(trial.trial_id)
        past = values.get("tuner/trial_id")
        if past is not None and not folder.exists():
            shutil.copytree(self._folder(past), folder)
        print(f"\ntrial {trial.trial_id}: {steps} steps in {folder}", flush=True)
        try:
            model = train(dataclasses.replace(config, steps=steps), folder, resume=True)
        except (DivergedError, MemoryError) as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except (PreemptedError, OSError) as error:
            raise keras_tuner.errors.FatalError(str(error)) from error
        objective = self.oracle.objective.name
        result = float(self.score(model)[OBJECTIVES[objective][0]])
        keras.backend.clear_session()
        self._log(trial.trial_id, drawn(values), objective, result, steps)
        return {objective: result}

    def _folder(self, trial_id):
        return self.workdir / "search" / f"trial_{trial_id}" / "run"

    def _log(self, trial_id, settings, objective, result, steps):
        folder = self.workdir / "tensorboard" / f"trial_{trial_id}"
        with tf.summary.create_file_writer(str(folder)).as_default(step=steps):
            hparams.hparams(settings, trial_id=trial_id)
            tf.summary.scalar(objective, result)


def search(
    base: Config,
    workdir: PathLike,
    score: Callable[[Model], Scores],
    num_trials: int,
    objective: str,
    algorithm: str,
    held: Sequence[str] = (),
) -> str | None:
    """Runs a search, or resumes the one in `workdir`.

    The folder will contain `best.json` (settings for `train.py --config`), `results.md`
    (a table of all trials) and TensorBoard's HParams. With the environment variables of
    KerasTuner's distributed mode, this process is either the chief, which assigns
    trials and writes the results, or a worker.

    Args:
        base: Dict of the settings that all trials share; `steps` of the longest.
        workdir: Folder of the search, on a file system shared by all workers.
        score: Function (model) -> dict of scores.
        num_trials: Maximum number of trials.
        objective: One of `OBJECTIVES`.
        algorithm: One of `ALGORITHMS`.
        held: Names of settings of `base` that are kept fixed.

    Returns:
        The table of trials in Markdown; None for a worker.

    Raises:
        ValueError: If an argument or a setting is invalid, or no trial has a score.
        PreemptedError: If SIGTERM is received; the running trial is saved first.
        OSError: If the folder cannot be written.
    """
    config = resolve(base)
    workdir = local_path(workdir)
    oracle = make_oracle(algorithm, objective, num_trials, config, held)
    tuner = RunTuner(base, score, workdir, oracle)
    try:
        tuner.search()
    except keras_tuner.errors.FatalError as error:
        raise error.__cause__ or error from None
    if tuner.oracle is not oracle:
        return None
    trials = [trial for trial in oracle.trials.values() if trial.score is not None]
    if not trials:
        raise ValueError(f"no trial of the search in {str(workdir)!r} has a score")
    trials.sort(
        key=lambda trial: trial.score, reverse=OBJECTIVES[objective][1] == "max"
    )
    best = drawn(trials[0].hyperparameters.values)
    write_json(workdir / "best.json", {**base, **best})
    table = results_table(trials, objective)
    with replacing(workdir / "results.md") as partial:
        partial.write_text(table + "\n")
    return table


def drawn(values: Config) -> Config:
    """Returns the hyperparameters of a trial, without Hyperband's own values."""
    return {k: v for k, v in values.items() if not k.startswith("tuner/")}


def results_table(trials: Sequence[Any], objective: str) -> str:
    """Returns a Markdown table of the trials with a score, best first.

    Args:
        trials: KerasTuner's trials, in order.
        objective: Name of the score.
    """
    names = list(drawn(trials[0].hyperparameters.values))
    lines = [
        f"| trial | {objective} | share of the steps | {' | '.join(names)} |",
        "| --- " * (len(names) + 3) + "|",
    ]
    for trial in trials:
        values = trial.hyperparameters.values
        share = f"{values.get('tuner/epochs', MAX_EPOCHS)}/{MAX_EPOCHS}"
        cells = [
            f"{values[n]:.3g}" if isinstance(values[n], float) else str(values[n])
            for n in names
        ]
        cells = " | ".join([trial.trial_id, f"{trial.score:.4f}", share, *cells])
        lines.append(f"| {cells} |")
    return "\n".join(lines)
