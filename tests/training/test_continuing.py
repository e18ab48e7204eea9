"""Resuming a run uses the settings in its folder."""

import dataclasses
import json
import pathlib
import shutil
import zipfile

import pytest

from genesis_keras.commands.evaluate import main as evaluate
from genesis_keras.commands.export import main as export
from genesis_keras.training.checkpoints import (
    CheckpointStore,
    load_model,
    run_record,
    save_model,
)
from genesis_keras.training.config import resolve
from genesis_keras.training.continuing import locate, settings_of
from genesis_keras.training.flags import read_settings
from genesis_keras.training.run import build_model, train
from genesis_keras.training.run_config import RunConfig
from genesis_keras.training.saved_files import MODEL_FILE, find_model, read_record

SLOT_ATTENTION = {
    "model": "slot_attention",
    "dataset": "sprites/hard",
    "num_iterations": 1,
    "filters": 8,
    "num_slots": 2,
    "batch_size": 2,
    "steps": 9,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of a run that was interrupted at step 3, and its settings."""
    workdir = tmp_path_factory.mktemp("saved") / "run"
    workdir.mkdir()
    config = resolve(SLOT_ATTENTION)
    config.save(workdir)
    model = build_model(config)
    model.optimizer.build(model.trainable_variables)
    store = CheckpointStore(workdir / "checkpoints", config=config)
    for step in (2, 3):
        model.optimizer.iterations.assign(step)
        store.save(model, step)
    return workdir, config


@pytest.fixture
def interrupted(saved, tmp_path):
    """A copy of it."""
    workdir, config = saved
    shutil.copytree(workdir, tmp_path / "run")
    return tmp_path / "run", config


def test_resume_alone_has_the_settings_of_the_run(saved):
    workdir, config = saved
    assert locate({}, str(workdir), resume=True) == (config, str(workdir))
    given = {"steps": 20, "dataset": "sprites/hard", "filters": 8, "data_dir": "d"}
    found, _ = locate(given, str(workdir), resume=True)
    assert found == dataclasses.replace(config, steps=20, data_dir="d")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 4}, r"batch_size=2 became 4; leave"),
        ({"dataset": "sprites"}, "dataset='sprites/hard' became 'sprites/easy'"),
        ({"model": "genesis_v2"}, "model='slot_attention' became 'genesis_v2'"),
        ({"recipe": "paper"}, "recipe='fast' became 'paper'"),
        ({"kernel": "gaussian"}, "model='slot_attention' has no setting kernel"),
        ({"steps": -1}, "steps must be positive; got -1"),
        ({"speed": 1}, "speed"),
    ],
)
def test_only_given_settings_are_compared(saved, given, message):
    with pytest.raises(ValueError, match=message):
        locate(given, str(saved[0]), resume=True)


def test_a_run_that_saved_nothing_may_change(saved, tmp_path):
    saved[1].save(tmp_path)
    assert locate({"steps": 8}, tmp_path, resume=True)[0].filters == 8
    other, _ = locate({"dataset": "sprites/easy_64"}, tmp_path, resume=True)
    assert other == resolve({"dataset": "sprites/easy_64"})  # its image size as well
    assert locate({}, tmp_path / "new", resume=True)[0] == resolve({})


def test_the_default_folder_is_named_by_the_settings():
    assert locate({"seed": 3})[1] == "runs/genesis_v2-sprites-hard-s3"


def test_config_takes_the_file_of_a_run(saved):
    workdir, config = saved
    settings = read_settings(workdir / "config.json")
    found = dataclasses.asdict(resolve(settings))
    mine = dataclasses.asdict(config)
    assert {name: found[name] for name in settings} == {
        name: mine[name] for name in settings
    }
    assert {"filters", "seed", "steps"} <= settings.keys()
    assert "kernel" not in settings and "geco_goal" not in settings
    assert "kernel" in read_settings(workdir / "config.json", "genesis_v2")


def test_settings_for_a_wrong_model_stay_errors(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"model": "monet", "kernel": "gaussian"}))
    with pytest.raises(ValueError, match="'monet' has no setting kernel"):
        resolve(read_settings(path))


def test_a_model_file_says_its_run(saved):
    workdir, config = saved
    path = CheckpointStore(workdir / "checkpoints").path(3)
    record = read_record(path)
    assert (record["model"], record["step"]) == ("SlotAttentionModel", 3)
    assert RunConfig(**record["settings"]) == config
    assert zipfile.ZipFile(path).testzip() is None


def test_an_interrupted_run_is_used_by_its_newest_checkpoint(interrupted, capsys):
    workdir, config = interrupted
    newest = workdir / "checkpoints" / "step_00000003.keras"
    assert find_model(workdir) == (newest, 3)
    model = load_model(newest)
    # A run that was finished, went on and was interrupted.
    save_model(model, workdir / MODEL_FILE, run_record(model, 2, config))
    assert find_model(workdir) == (newest, 3)
    save_model(model, workdir / MODEL_FILE, run_record(model, 3, config))
    assert find_model(workdir) == (workdir / MODEL_FILE, None)
    (workdir / MODEL_FILE).unlink()
    assert find_model(workdir / "none") == (workdir / "none" / MODEL_FILE, None)


@pytest.mark.parametrize(
    ("command", "flags", "message"),
    [
        (evaluate, [], "scoring its checkpoint of step 3"),
        (export, ["--out=export/1"], "exporting its checkpoint of step 3"),
    ],
)
def test_commands_say_that_a_run_is_not_finished(
    saved, command, flags, message, capsys, monkeypatch
):
    def load(path):
        raise ValueError(f"read {pathlib.Path(path).name}")

    for module in ("training.checkpoints", "commands.scoring"):
        monkeypatch.setattr(f"genesis_keras.{module}.load_model", load)
    assert command([f"--workdir={saved[0]}", *flags]) == 1
    printed = capsys.readouterr()
    assert f"{saved[0]} is not finished: {message}" in printed.out
    assert "error: read step_00000003.keras" in printed.err


def test_without_its_settings_a_folder_is_not_free(interrupted, capsys):
    workdir, config = interrupted
    (workdir / "config.json").unlink()
    with pytest.raises(ValueError, match="holds a run already: pass --resume"):
        train(resolve({}), workdir)
    assert not (workdir / "config.json").exists()
    assert settings_of(workdir) == config
    assert "no config.json: settings of step_00000003.keras" in capsys.readouterr().out
    with pytest.raises(ValueError, match="model='slot_attention' became 'genesis_v2'"):
        train(resolve({}), workdir, resume=True)
    assert len(list((workdir / "checkpoints").iterdir())) == 2


def test_a_checkpoint_without_settings_is_not_taken_for_a_run(interrupted):
    workdir, _ = interrupted
    (workdir / "config.json").unlink()
    store = CheckpointStore(workdir / "checkpoints")
    model = load_model(store.path(3))
    store.save(model, 3)
    store.path(2).unlink()
    with pytest.raises(ValueError, match="step_00000003.keras but no config.json"):
        locate({}, workdir, resume=True)


def test_a_checkpoint_is_held_against_the_run(interrupted):
    workdir, config = interrupted
    folder = workdir / "checkpoints"
    assert CheckpointStore(folder, config=config).restore()[1] == 3
    other = dataclasses.replace(config, num_slots=3, learning_rate=1.0)
    message = "step_00000003.keras.*num_slots=2 became 3, learning_rate=.* became 1.0"
    with pytest.raises(ValueError, match=message):
        CheckpointStore(folder, config=other).restore()
    genesis = resolve({"feature_dim": 8})
    with pytest.raises(ValueError, match="holds a SlotAttentionModel, and the run is"):
        CheckpointStore(folder, config=genesis).restore()


def test_a_checkpoint_without_a_record_is_held_against_its_model(interrupted):
    workdir, config = interrupted
    store = CheckpointStore(workdir / "checkpoints", config=config)
    model = load_model(store.path(3))
    save_model(model, store.path(3))
    assert read_record(store.path(3)) == {}
    assert store.restore()[1] == 3
    store.config = dataclasses.replace(config, num_slots=3)
    with pytest.raises(ValueError, match="num_slots=2 became 3"):
        store.restore()
    store.path(3).rename(store.path(9))
    with pytest.raises(ValueError, match="step_00000009.keras' is of step 3: rename"):
        CheckpointStore(store.folder).restore()


def test_a_renamed_checkpoint_is_named(interrupted):
    workdir, config = interrupted
    store = CheckpointStore(workdir / "checkpoints", config=config)
    store.path(3).rename(store.path(99_999_999))
    message = "step_99999999.keras' is of step 3: rename it to step_00000"
    with pytest.raises(ValueError, match=message):
        train(config, workdir, resume=True)
    assert store.steps() == [2, 99_999_999]


def test_a_finished_model_goes_on_without_checkpoints(interrupted):
    workdir, config = interrupted
    store = CheckpointStore(workdir / "checkpoints", config=config)
    store.path(3).rename(workdir / MODEL_FILE)
    store.path(2).unlink()
    model, step = store.restore(workdir / MODEL_FILE)
    assert step == int(model.optimizer.iterations) == 3
