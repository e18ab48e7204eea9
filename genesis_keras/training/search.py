"""Searches settings of a run with KerasTuner; `train.py --tune` is its command."""

import dataclasses
import pathlib
import shutil

import keras
import keras_tuner
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from genesis_keras.storage import replacing, write_json
from genesis_keras.training.callbacks import DivergedError
from genesis_keras.training.config import models_with, resolve
from genesis_keras.training.goals import ALGORITHMS, OBJECTIVES
from genesis_keras.training.preemption import PreemptedError
from genesis_keras.training.run import train

HYPERBAND_FACTOR = 3
MAX_EPOCHS = HYPERBAND_FACTOR**2  # the shortest trials take a ninth of the steps


def search_space(config):
    """Returns the `keras_tuner.HyperParameters` that a model has.

    Learning rate, K, feature size, kernel, GECO's goal and step, sigma_x. Intervals
    lie around the values of `config`, the first trial's.

    Args:
        config: A `RunConfig`.
    """
    space = keras_tuner.HyperParameters()
    rate, step, goal = config.learning_rate, config.geco_step_size, config.geco_goal
    log = {"sampling": "log"}
    floats = {
        "learning_rate": (rate / 10, rate * 10, log),
        "geco_goal": (goal - 0.05, goal + 0.05, {}),
        "geco_step_size": (step / 100, step * 100, log),
        "pixel_scale": (config.pixel_scale / 4, config.pixel_scale * 2, log),
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
    for name, (low, high, options) in floats.items():
        if config.model in models_with(name):
            default = min(max(getattr(config, name), low), high)
            space.Float(name, low, high, default=default, **options)
    for name, values in choices.items():
        if config.model in models_with(name):
            space.Choice(name, sorted(set(values)), default=getattr(config, name))
    return space


def make_oracle(algorithm, objective, num_trials, config):
    """Returns what proposes the trials.

    Args:
        algorithm: "hyperband", many short trials of which the best go on, or
            "bayesian", trials of full length.
        objective: One of `OBJECTIVES`.
        num_trials: The largest number of trials. Hyperband ends by itself after 23.
        config: A `RunConfig`: default values, steps and seed.

    Raises:
        ValueError: Unknown algorithm or objective.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {ALGORITHMS}; got {algorithm!r}")
    if objective not in OBJECTIVES:
        raise ValueError(
            f"objective must be one of {sorted(OBJECTIVES)}; got {objective!r}"
        )
    common = {
        "objective": keras_tuner.Objective(objective, OBJECTIVES[objective][1]),
        "hyperparameters": search_space(config),
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
    """Makes a run of each trial, in `workdir/search/trial_ID/run`.

    Args:
        base: Dict of the settings that all trials share; `steps` of the longest.
        score: Function (model) -> dict of scores.
        workdir: Folder of the search.
        oracle: What `make_oracle` returned.
    """

    def __init__(self, base, score, workdir, oracle):
        super().__init__(oracle, directory=str(workdir), project_name="search")
        self.base = base
        self.score = score
        self.workdir = pathlib.Path(workdir)

    def run_trial(self, trial):
        """Trains, goes on training or finishes an interrupted trial.

        Returns:
            Dict of the objective.

        Raises:
            keras_tuner.errors.FailedTrialError: The run has diverged, or does not
                fit into memory.
            keras_tuner.errors.FatalError: The search is to end now.
        """
        values = trial.hyperparameters.values
        config = resolve({**self.base, **settings_of_trial(values)})
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
        self._log(trial.trial_id, settings_of_trial(values), objective, result, steps)
        return {objective: result}

    def _folder(self, trial_id):
        return self.workdir / "search" / f"trial_{trial_id}" / "run"

    def _log(self, trial_id, settings, objective, result, steps):
        folder = self.workdir / "tensorboard" / f"trial_{trial_id}"
        with tf.summary.create_file_writer(str(folder)).as_default(step=steps):
            hparams.hparams(settings, trial_id=trial_id)
            tf.summary.scalar(objective, result)


def search(base, workdir, score, num_trials, objective, algorithm):
    """Runs a search, or goes on with the one in `workdir`.

    The folder receives `best.json`, settings that `train.py --config` takes,
    `results.md`, a table of all trials, and TensorBoard's HParams. With the
    environment variables of KerasTuner's distributed mode this process is the chief,
    which hands out trials and writes the results, or one of the workers.

    Args:
        base: Dict of the settings that all trials share; `steps` of the longest.
        workdir: Folder of the search, on a file system that all workers see.
        score: Function (model) -> dict of scores.
        num_trials: The largest number of trials.
        objective: One of `OBJECTIVES`.
        algorithm: One of `ALGORITHMS`.

    Returns:
        The table of trials, Markdown; None for a worker.

    Raises:
        ValueError: An argument or a setting is wrong, or no trial has a score.
        PreemptedError: SIGTERM came; the trial that was running has saved.
        OSError: The folder cannot be written.
    """
    config = resolve(base)
    workdir = pathlib.Path(workdir)
    oracle = make_oracle(algorithm, objective, num_trials, config)
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
    best = settings_of_trial(trials[0].hyperparameters.values)
    write_json(workdir / "best.json", {**base, **best})
    table = results_table(trials, objective)
    with replacing(workdir / "results.md") as partial:
        partial.write_text(table + "\n")
    return table


def settings_of_trial(values):
    """Returns the settings among the values of a trial, without Hyperband's own."""
    return {k: v for k, v in values.items() if not k.startswith("tuner/")}


def results_table(trials, objective):
    """Returns trials with a score, the best first, as a Markdown table.

    Args:
        trials: KerasTuner's trials, in order.
        objective: Name of the score.
    """
    names = list(settings_of_trial(trials[0].hyperparameters.values))
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
