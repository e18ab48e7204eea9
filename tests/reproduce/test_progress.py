"""The progress of a table, and the assignment of runs to workers."""

import pytest

from genesis_keras.reproduce.plans import plan
from genesis_keras.reproduce.progress import do_runs, list_runs, progress_of
from genesis_keras.training.callbacks import DivergedError

STEPS = 40


@pytest.fixture
def runs():
    return plan("2", "fast", (0, 1), {"steps": STEPS})


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """Nothing is trained here: spares the time of Keras's collection of garbage."""
    monkeypatch.setattr("keras.backend.clear_session", lambda: None)


class Trainer:
    """Leaves the files of a run."""

    def __init__(self):
        self.trained = []

    def __call__(self, config, folder, step=None):
        self.trained.append(folder.name)
        config.save(folder)
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / f"checkpoints/step_{step or config.steps:08d}.keras").touch()
        if step is None:
            (folder / "model.keras").touch()


def test_runs_are_done_once(runs, tmp_path):
    train = Trainer()
    assert do_runs(runs, tmp_path, train) == {}
    assert train.trained == [run.name for run in runs]
    assert all(progress_of(run, tmp_path).is_done for run in runs)
    do_runs(runs, tmp_path, train)
    assert len(train.trained) == len(runs)
    assert list_runs(runs, tmp_path).endswith("6 of 6 runs are done")


def test_unfinished_runs_go_on(runs, tmp_path):
    train = Trainer()
    train(runs[0].config, tmp_path / runs[0].name, step=10)
    progress = progress_of(runs[0], tmp_path)
    assert (progress.step, progress.is_done) == (10, False)
    assert str(progress) == "step 10 of 40"
    assert str(progress_of(runs[1], tmp_path)) == "to do"
    do_runs(runs, tmp_path, train)
    assert train.trained[1] == runs[0].name
    # More steps are asked for: the model of the fewer is not the end.
    longer = plan("2", "fast", (0,), {"steps": 2 * STEPS})
    assert not progress_of(longer[0], tmp_path).is_done
    # Without checkpoints, deleted for room, the settings say how far it went.
    for path in (tmp_path / runs[0].name / "checkpoints").iterdir():
        path.unlink()
    assert progress_of(runs[0], tmp_path).is_done
    assert not progress_of(longer[0], tmp_path).is_done


def test_workers_share_the_runs(runs, tmp_path):
    trainers = [Trainer() for _ in range(4)]
    for index, train in enumerate(trainers, 1):
        do_runs(runs, tmp_path, train, (index, 4))
    names = [name for train in trainers for name in train.trained]
    assert sorted(names) == sorted(run.name for run in runs)
    assert [len(train.trained) for train in trainers] == [2, 2, 1, 1]


@pytest.mark.parametrize(
    "error", [DivergedError("loss=nan"), ValueError("workdir is in use")]
)
def test_a_run_that_fails_does_not_keep_the_others(runs, tmp_path, error, capsys):
    train = Trainer()

    def fails_once(config, folder):
        if folder.name == runs[1].name:
            raise error
        train(config, folder)

    assert do_runs(runs, tmp_path, fails_once) == {runs[1].name: str(error)}
    assert len(train.trained) == len(runs) - 1
    assert f"{runs[1].name} failed: {error}" in capsys.readouterr().out
    with pytest.raises(OSError, match="no data"):
        do_runs(runs, tmp_path, lambda *_: (_ for _ in ()).throw(OSError("no data")))
