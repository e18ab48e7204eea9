"""Kills and resumes a run at random moments, and compares it with a complete run.

    python tests/training/kill_program.py KILLS

Every second kill happens at a random moment during the start, the others during steps
and the writing of checkpoints.
"""

import os
import pathlib
import signal
import sys
import tempfile
import time

import numpy as np

from genesis_keras.training.checkpoints import CheckpointStore, load_model
from genesis_keras.training.config import resolve
from genesis_keras.training.run import MODEL_FILE, train

NUM_STEPS = 1_000  # 20 kills let about half of them pass
SETTINGS = {
    "dataset": "sprites/easy",
    "feature_dim": 8,
    "num_slots": 2,
    "batch_size": 2,
    "steps": NUM_STEPS,
    "summary_every": 10,
    "picture_every": 10**6,
    "checkpoint_every": 1,
}


def start(config, workdir):
    """Runs in a child process, whose imports are those of this one."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        with open(f"{workdir}.log", "a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = 1
        try:
            train(config, workdir, resume=True)
            code = 0
        finally:
            os._exit(code)
    return child


def newest(store):
    return max(store.steps(), default=0)


def main(num_kills):
    rng = np.random.default_rng()
    folder = pathlib.Path(tempfile.mkdtemp())
    config = resolve({**SETTINGS, "data_dir": str(folder / "data")})
    begin = time.monotonic()
    whole = start(config, folder / "whole")
    store = CheckpointStore(folder / "whole" / "checkpoints")
    while not store.steps():
        time.sleep(0.01)
    startup = time.monotonic() - begin
    assert os.waitpid(whole, 0)[1] == 0, (folder / "whole.log").read_text()
    store = CheckpointStore(folder / "killed" / "checkpoints")
    torn = 0
    for index in range(num_kills):
        before = newest(store)
        child = start(config, folder / "killed")
        if index % 2:
            time.sleep(rng.uniform(0, 1.1 * startup))
        else:
            while newest(store) == before:
                assert os.waitpid(child, os.WNOHANG)[0] == 0, "the run has ended"
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        partial = len(list(store.folder.glob(".*.keras")))
        torn += partial
        print(
            f"kill {index + 1}: step {newest(store)}, {partial} half files", flush=True
        )
    child = start(config, folder / "killed")
    assert os.waitpid(child, 0)[1] == 0, (folder / "killed.log").read_text()
    models = [load_model(folder / name / MODEL_FILE) for name in ("whole", "killed")]
    variables = [[*model.weights, *model.optimizer.variables] for model in models]
    for first, second in zip(*variables, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy(), first.path)
    print(
        f"{num_kills} kills, {torn} during the writing of a checkpoint: "
        f"{len(variables[0])} variables equal after {NUM_STEPS} steps"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
