"""The progress of the runs of a table, and their execution."""

import dataclasses
import json

import keras

from genesis_keras.storage import local_path
from genesis_keras.training.callbacks import DivergedError
from genesis_keras.training.checkpoints import CheckpointStore
from genesis_keras.training.run import MODEL_FILE
from genesis_keras.training.run_config import CONFIG_FILE


@dataclasses.dataclass(frozen=True)
class Progress:
    """The progress of a run.

    Attributes:
        step: Step of its newest checkpoint; 0 if there is none.
        steps: Total number of steps of the run.
        is_done: Whether the run has finished and saved its model.
    """

    step: int
    steps: int
    is_done: bool

    def __str__(self):
        if self.is_done:
            return "done"
        if self.step:
            return f"step {self.step:,} of {self.steps:,}"
        return "to do"


def progress_of(run, workdir):
    """Returns the `Progress` of a run from the files in its folder.

    Args:
        run: A `PlannedRun`.
        workdir: The folder of all runs.
    """
    folder = local_path(workdir) / run.name
    saved = CheckpointStore(folder / "checkpoints").steps()
    step = saved[-1] if saved else 0
    # While a finished run is extended, it still has the model of fewer steps.
    reached = step if saved else _planned_steps(folder)
    is_done = (folder / MODEL_FILE).is_file() and reached >= run.config.steps
    return Progress(step, run.config.steps, is_done)


def do_runs(runs, workdir, train, worker=(1, 1)):
    """Trains the unfinished runs one after another.

    If a run diverges, its folder is in use or has a run with other settings, this is
    printed and the next run begins.

    Args:
        runs: List of `PlannedRun`.
        workdir: The folder of all runs.
        train: Function (config, folder) that trains, or resumes from a checkpoint.
        worker: (i, n) to execute every n-th run, starting with the i-th.

    Returns:
        Dict from the names of failed runs to the reasons.

    Raises:
        PreemptedError: If SIGTERM is received; a checkpoint is saved first.
        OSError: If the data is not available, or a folder cannot be written.
    """
    index, count = worker
    failed = {}
    mine = runs[index - 1 :: count]
    for number, run in enumerate(mine, 1):
        progress = progress_of(run, workdir)
        print(f"[{number}/{len(mine)}] {run.name}: {progress}", flush=True)
        if progress.is_done:
            continue
        try:
            train(run.config, local_path(workdir) / run.name)
        except (DivergedError, ValueError) as error:
            failed[run.name] = str(error)
            print(f"{run.name} failed: {error}", flush=True)
        keras.backend.clear_session()
    return failed


def list_runs(runs, workdir):
    """Returns a text table of the runs and their progress.

    Args:
        runs: List of `PlannedRun`.
        workdir: The folder of all runs.
    """
    width = max(len(run.name) for run in runs)
    states = [progress_of(run, workdir) for run in runs]
    lines = [
        f"{run.name:{width}}  {state}" for run, state in zip(runs, states, strict=True)
    ]
    done = sum(state.is_done for state in states)
    return "\n".join([*lines, f"{done} of {len(runs)} runs are done"])


def _planned_steps(folder):
    try:
        return json.loads((folder / CONFIG_FILE).read_text())["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
