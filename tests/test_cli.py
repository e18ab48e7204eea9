"""The commands train and evaluate, run with the smallest possible model."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from genesis_keras import SlotAttentionModel
from genesis_keras.commands.convert import main as convert
from genesis_keras.training.checkpoints import load_model, save_model
from genesis_keras.training.config import resolve
from genesis_keras.training.run import MODEL_FILE, build_model

ROOT = pathlib.Path(__file__).parents[1]
TINY = [
    "--dataset=sprites/easy",
    "--feature_dim=8",
    "--batch_size=4",
    "--steps=3",
    "--checkpoint_every=2",
]


def run(script, *arguments):
    """Runs a command as a user does who has not asked for TensorFlow's log."""
    quiet = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        env=quiet,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def finished(tmp_path, data_dir):
    """Folder of a run as train.py leaves it, but for the training."""
    workdir = tmp_path / "run"
    config = resolve(
        {"dataset": "sprites/easy", "feature_dim": 8, "data_dir": str(data_dir)}
    )
    workdir.mkdir()
    config.save(workdir)
    save_model(build_model(config), workdir / MODEL_FILE)
    return workdir


@pytest.mark.slow
def test_train_refuses_to_start_again(finished, data_dir):
    again = run("train.py", *TINY, f"--workdir={finished}", f"--data_dir={data_dir}")
    assert again.returncode == 1
    assert "--resume" in again.stderr and "Traceback" not in again.stderr


@pytest.mark.slow
def test_train_and_resume(tmp_path, data_dir):
    workdir = tmp_path / "run"
    places = [f"--workdir={workdir}", f"--data_dir={data_dir}"]
    trained = run("train.py", *TINY, *places)
    assert trained.returncode == 0, trained.stderr
    assert f"python evaluate.py --workdir={workdir}" in trained.stdout

    resumed = run("train.py", *TINY, *places, "--steps=4", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "at step 3" in resumed.stdout
    assert int(load_model(workdir / MODEL_FILE).optimizer.iterations) == 4


@pytest.mark.slow
def test_evaluate_a_run(finished):
    evaluated = run(
        "evaluate.py", f"--workdir={finished}", "--num_images=8", "--flexible_slots"
    )
    assert evaluated.returncode == 0, evaluated.stderr
    assert "ARI-FG" in evaluated.stdout
    results = json.loads((finished / "metrics.json").read_text())
    assert results["options"]["num_images"] == 8
    assert results["results"]["fixed"]["num_images"] == 8
    assert results["results"]["flexible"]["average_slots"] <= 4
    assert results["by_objects"]["test"]
    for picture in ("panel", "samples", "build_up", "edits", "segmentation"):
        assert (finished / f"{picture}.png").stat().st_size > 1000


@pytest.mark.slow
def test_report_of_two_runs_of_which_one_is_damaged(finished, tmp_path):
    second, out = tmp_path / "second", tmp_path / "out"
    shutil.copytree(finished, second)
    (second / MODEL_FILE).write_bytes(b"damaged")
    places = [f"--workdir={finished}", f"--workdir={second}", f"--out={out}"]
    reported = run("evaluate.py", *places, "--num_images=4")
    assert reported.returncode == 0, reported.stderr
    report = (out / "report.md").read_text()
    assert "| GENESIS-V2 | yes | 1 |" in report and "is damaged" in report
    assert "Fixed and flexible number of slots (Table 2)" in report
    assert json.loads((out / "report.json").read_text())["groups"][0]["runs"] == ["run"]
    for picture in re.findall(r"\]\((.*png)\)", report):
        assert (out / picture).stat().st_size > 1000


@pytest.mark.slow
def test_evaluate_a_model_without_a_run(tmp_path, fixtures, data_dir):
    model_file = tmp_path / "converted.keras"
    convert([str(fixtures / "genesisv2_gaussian_32.npz"), f"--out={model_file}"])
    options = [
        f"--model_file={model_file}",
        "--dataset=sprites",
        "--num_images=3",  # fewer than the pictures
        f"--data_dir={data_dir}",
    ]
    evaluated = run("evaluate.py", *options)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "ARI-FG" in evaluated.stdout
    assert (tmp_path / "panel.png").stat().st_size > 1000
    assert json.loads((tmp_path / "metrics.json").read_text())["results"]["fixed"]

    SlotAttentionModel(32, 2, num_iterations=1).save(model_file)
    refused = run("evaluate.py", *options, "--flexible_slots")
    assert refused.returncode == 1
    assert "error: flexible_slots=True: SlotAttentionModel" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("train.py", ["--dataset=nothing"], "dataset='nothing'"),
        ("train.py", ["--dataset=folder"], "needs data_dir"),
        ("train.py", ["--dataset=folder", "--data_dir=W"], "has 0 PNG or JPEG"),
        ("train.py", ["--dataset=apc", "--data_dir=W"], "--manual_dir=DIR"),
        ("train.py", ["--dataset=objects_room/x"], "objects_room/default"),
        ("train.py", ["--steps=0"], "steps must be positive; got 0"),
        ("train.py", ["--feature_dim=12", "--workdir=W"], "feature_dim"),
        ("train.py", ["--workdir=W/file/run"], "W/file"),
        ("train.py", ["--model=monnet"], "model must be one of"),
        ("train.py", ["--model=monet", "--kernel=gaussian"], "no setting kernel"),
        ("train.py", ["--config=W/none.json"], "config='W/none.json' cannot be read"),
        ("train.py", ["--tune=2", "--dataset=sketchy"], "needs labels"),
        (
            "train.py",
            ["--tune=2", "--model=slot_attention", "--tune_objective=val_elbo"],
            "has no likelihood",
        ),
        ("evaluate.py", ["--model_file=W/x.keras"], "--dataset"),
        ("evaluate.py", ["--workdir=W/none"], "holds no run"),
        ("evaluate.py", ["--workdir=W/a", "--fid"], "--fid_weights=download"),
        ("evaluate.py", ["--workdir=W/a", "--split=test,test"], "different splits"),
    ],
)
def test_errors_are_one_line(tmp_path, script, arguments, message):
    (tmp_path / "file").touch()
    here = [argument.replace("W", str(tmp_path)) for argument in arguments]
    result = run(script, *here)
    assert result.returncode in (1, 2)
    *before, line = result.stderr.splitlines()
    # Notices come first: what a folder leaves out, what is about to be made.
    assert all("left out" in notice or "Making" in notice for notice in before)
    assert message.replace("W", str(tmp_path)) in line
    assert "Traceback" not in result.stderr
