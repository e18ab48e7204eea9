import json
import math
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from genesis_keras.training import search as module
from genesis_keras.training.callbacks import DivergedError
from genesis_keras.training.config import resolve
from genesis_keras.training.flags import read_settings
from genesis_keras.training.geco_goals import mse_of_goal
from genesis_keras.training.preemption import PreemptedError
from genesis_keras.training.search import make_oracle, search, search_space

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def runs(monkeypatch):
    """Replaces runs by their settings; the list of (steps, folder) of all runs."""
    done = []

    def train(config, workdir, resume):
        assert resume
        done.append((config.steps, workdir, workdir.exists()))
        workdir.mkdir(parents=True, exist_ok=True)
        return config

    monkeypatch.setattr(module, "train", train)
    # These runs leave nothing to clear, and a collection of garbage takes seconds in a
    # process that many tests share.
    monkeypatch.setattr(module.keras.backend, "clear_session", lambda: None)
    return done


def score(config):
    return {"elbo": -abs(config.learning_rate - 1e-3), "error_per_value": 0.5}


def test_space_of_a_model_has_its_settings_only():
    names = {
        name: set(search_space(resolve({"model": name})).values)
        for name in ("genesis_v2", "slot_attention")
    }
    assert names["genesis_v2"] == {
        "learning_rate",
        "num_slots",
        "feature_dim",
        "kernel",
        "goal_mse",
        "geco_step_size",
        "pixel_scale",
    }
    assert names["slot_attention"] == {"learning_rate", "num_slots"}
    config = resolve({"learning_rate": 3e-4, "num_slots": 2})
    values = search_space(config).values
    assert (values["learning_rate"], values["num_slots"]) == (3e-4, 2)
    # The recipe's goal of -0.91 at sigma_x 0.15: 2 * 0.0225 * (-0.91 + 0.978182).
    assert values.pop("goal_mse") == pytest.approx(0.003068, abs=2e-6)
    for name, value in values.items():
        assert getattr(config, name) == value


def test_a_setting_that_is_held_is_not_searched(runs, tmp_path):
    base = {"feature_dim": 8, "pixel_scale": 0.5, "steps": 90}
    held = ("feature_dim", "pixel_scale")
    values = search_space(resolve(base), held).values
    assert "feature_dim" not in values and "pixel_scale" not in values
    assert values["goal_mse"] == pytest.approx(0.003068, abs=2e-6)
    search(base, tmp_path, score, 3, "val_elbo", "bayesian", held)
    best = read_settings(tmp_path / "best.json")
    assert (best["feature_dim"], best["pixel_scale"]) == (8, 0.5)
    for name in ("geco_goal", "goal_mse"):  # two names of one thing
        assert "goal_mse" not in search_space(resolve({}), (name,)).values
    with pytest.raises(ValueError, match="nothing is left.*learning_rate, num_slots"):
        config = resolve({"model": "slot_attention"})
        search_space(config, ("learning_rate", "num_slots"))


def test_every_goal_that_is_drawn_can_be_met():
    oracle = make_oracle("bayesian", "val_elbo", 50, resolve({}))
    space = oracle.get_space()
    for seed in range(50):
        values = {p.name: p.random_sample(seed + i) for i, p in enumerate(space.space)}
        config = resolve(values)
        goal, scale = config.geco_goal, config.pixel_scale
        # The error of an image that is off by sqrt(MSE) everywhere, by the density.
        off = values["goal_mse"] ** 0.5
        density = math.exp(-((off / scale) ** 2) / 2) / (scale * (2 * math.pi) ** 0.5)
        assert goal == pytest.approx(-math.log(density))
        assert 0.00306 / 4 < values["goal_mse"] < 0.00308 * 4
        assert mse_of_goal(goal, scale) == pytest.approx(values["goal_mse"])


@pytest.mark.parametrize(
    ("algorithm", "objective", "message"),
    [
        ("grid", "val_elbo", "algorithm must be one of.*'grid'"),
        ("bayesian", "val_loss", "objective must be one of.*'val_loss'"),
    ],
)
def test_bad_arguments_are_named(algorithm, objective, message):
    with pytest.raises(ValueError, match=message):
        make_oracle(algorithm, objective, 3, resolve({}))


def test_bayesian_search_leaves_table_config_and_summaries(runs, tmp_path):
    base = {"steps": 90, "seed": 3}
    table = search(base, tmp_path, score, 4, "val_elbo", "bayesian")
    assert len(runs) == 4
    assert {steps for steps, *_ in runs} == {90}
    assert table == (tmp_path / "results.md").read_text().strip()
    lines = table.splitlines()
    assert len(lines) == 6 and "learning_rate" in lines[0] and "9/9" in lines[2]
    scores = [float(line.split("|")[2]) for line in lines[2:]]
    assert scores == sorted(scores, reverse=True)
    best = read_settings(tmp_path / "best.json")
    config = resolve(best)
    assert (config.steps, config.seed) == (90, 3)
    assert score(config)["elbo"] == pytest.approx(scores[0], abs=1e-4)
    assert len(list(tmp_path.glob("tensorboard/trial_*/events*"))) == 4


def test_hyperband_goes_on_with_the_best(runs, tmp_path):
    table = search({"steps": 90}, tmp_path, score, 100, "val_elbo", "hyperband")
    steps = [steps for steps, *_ in runs]
    assert len(steps) == 23
    assert [steps.count(n) for n in (10, 30, 90)] == [9, 8, 6]
    # A trial that goes on finds the run of the one that it continues.
    assert sum(existed for *_, existed in runs) == 3 + 1 + 2
    assert "| 1/9 |" in table and "| 9/9 |" in table


def test_an_interrupted_search_goes_on(runs, tmp_path, monkeypatch):
    train = module.train

    def preempted(config, workdir, resume):
        if len(runs) == 2:
            workdir.mkdir(parents=True)
            raise PreemptedError("SIGTERM")
        return train(config, workdir, resume)

    monkeypatch.setattr(module, "train", preempted)
    with pytest.raises(PreemptedError, match="SIGTERM"):
        search({}, tmp_path, score, 4, "val_elbo", "bayesian")
    assert len(runs) == 2
    monkeypatch.setattr(module, "train", train)
    table = search({}, tmp_path, score, 4, "val_elbo", "bayesian")
    assert len(runs) == 4 and len(table.splitlines()) == 2 + 4
    assert [existed for *_, existed in runs] == [False, False, True, False]


def test_a_diverged_trial_is_left_out(runs, tmp_path, monkeypatch):
    train = module.train

    def diverging(config, workdir, resume):
        model = train(config, workdir, resume)
        if len(runs) == 1:
            raise DivergedError("loss=nan")
        return model

    monkeypatch.setattr(module, "train", diverging)
    table = search({}, tmp_path, score, 3, "val_error", "bayesian")
    assert len(table.splitlines()) == 2 + 2


@pytest.mark.slow
def test_chief_and_two_workers_share_a_search(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    program = ROOT / "tests" / "training" / "search_program.py"
    processes = {
        name: subprocess.Popen(
            [sys.executable, str(program), str(tmp_path)],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "KERASTUNER_TUNER_ID": name,
                "KERASTUNER_ORACLE_IP": "localhost",
                "KERASTUNER_ORACLE_PORT": str(port),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("chief", "tuner0", "tuner1")
    }
    try:
        outputs = {name: p.communicate(timeout=240) for name, p in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
    for name, process in processes.items():
        assert process.returncode == 0, outputs[name][1][-2000:]
    assert outputs["chief"][0].count(" | 9/9 | ") == 4  # the table
    ran = [outputs[name][0].count("\ntrial ") for name in ("tuner0", "tuner1")]
    assert sum(ran) == 4
    best = json.loads((tmp_path / "best.json").read_text())
    usual = resolve({}).num_slots
    assert best["num_slots"] in (usual - 1, usual, usual + 1)


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_bad_config_file_is_named(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="config=.*config.json"):
        read_settings(path)
    with pytest.raises(ValueError, match="config=.*nowhere"):
        read_settings(tmp_path / "nowhere")
