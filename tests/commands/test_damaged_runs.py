"""Damaged runs, data, pictures and places: one line that names the file or the flag."""

import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from genesis_keras.commands.evaluate import main as evaluate
from genesis_keras.commands.export import main as export
from genesis_keras.commands.reproduce import main as reproduce
from genesis_keras.commands.segment import main as segment
from genesis_keras.commands.train import main as train
from genesis_keras.training.checkpoints import run_record, save_model
from genesis_keras.training.collapse import WATCH_FILE
from genesis_keras.training.config import resolve
from genesis_keras.training.run import build_model
from genesis_keras.training.run_config import CONFIG_FILE
from genesis_keras.training.saved_files import MODEL_FILE, RECORD

DEEP = "[" * 200_000 + "]" * 200_000
TINY = {
    "dataset": "sprites/easy",
    "model": "slot_attention",
    "num_slots": 2,
    "num_iterations": 1,
    "filters": 8,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data_dir):
    """Folder of a run of one checkpoint, without a fault."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    config = resolve({**TINY, "data_dir": str(data_dir)})
    config.save(workdir)
    model = build_model(config)
    save_model(model, workdir / MODEL_FILE, run_record(model, config.steps, config))
    return workdir


@pytest.fixture
def workdir(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


SETTINGS = {
    "no JSON": "{",
    "deep": DEEP,
    "a list": "[]",
    "not text": b"\xff\xfe",
    "an unknown setting": '{"colour": 1}',
    "a wrong type": '{"steps": "many"}',
    "not finite": '{"pixel_scale": NaN}',
    "a data set of no one": '{"dataset": "nothing"}',
    "K of a million": '{"num_slots": 1000000}',
}


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("command", ["evaluate", "resume", "config"])
@pytest.mark.parametrize("fault", SETTINGS)
def test_settings_of_a_run(fault, command, workdir, one_line):
    path = workdir / CONFIG_FILE
    write(path, SETTINGS[fault])
    words = {
        "evaluate": (evaluate, f"--workdir={workdir}"),
        "resume": (train, f"--workdir={workdir}", "--resume"),
        "config": (train, f"--config={path}", f"--workdir={workdir}/new"),
    }[command]
    assert str(path) in one_line(*words)


WATCHES = {
    "no JSON": "[",
    "deep": DEEP,
    "a number": "3",
    "no records": "[1, 2]",
    "no step": "[{}]",
    "a step that is text": '[{"step": "x"}]',
    "a step without end": '[{"step": 1e999}]',
    "not text": b"\xff",
}


@pytest.mark.parametrize("fault", WATCHES)
def test_watch_of_a_run(fault, workdir, one_line):
    write(workdir / WATCH_FILE, WATCHES[fault])
    line = one_line(evaluate, f"--workdir={workdir}")
    assert str(workdir / WATCH_FILE) in line


RECORDS = {
    "no JSON": "{",
    "deep": DEEP,
    "a list": "[]",
    "a step that is text": '{"step": "x"}',
    "settings that are text": '{"step": 1, "settings": "x"}',
    "settings of no one": '{"step": 1, "settings": {"model": "x"}}',
    "a step of no end": '{"step": 1e999}',
}


@pytest.mark.parametrize("fault", RECORDS)
def test_record_of_a_checkpoint(fault, workdir, one_line):
    path = workdir / "checkpoints" / "step_00000001.keras"
    path.parent.mkdir()
    (workdir / CONFIG_FILE).unlink()
    with zipfile.ZipFile(workdir / MODEL_FILE) as archive:
        members = {n: archive.read(n) for n in archive.namelist() if n != RECORD}
    (workdir / MODEL_FILE).unlink()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, RECORD: RECORDS[fault]}.items():
            archive.writestr(name, content)
    line = one_line(train, f"--workdir={workdir}", "--resume")
    assert path.name in line and str(workdir) in line


@pytest.mark.parametrize("command", ["evaluate", "export", "report"])
def test_a_run_without_a_model(command, workdir, one_line):
    (workdir / MODEL_FILE).unlink()
    where = f"--workdir={workdir}"
    words = {
        "evaluate": (evaluate, where),
        "export": (export, where, f"--out={workdir / '1'}"),
        "report": (reproduce, "--table=1", "--report", where),
    }[command]
    assert str(workdir) in one_line(*words)


SHARDS = {
    "flipped": lambda path: flip(path, 1000),
    "short": lambda path: path.write_bytes(path.read_bytes()[:20_000]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"not records" * 9),
    "missing": lambda path: path.unlink(),
}
DESCRIPTIONS = {"no JSON": "{", "deep": DEEP, "empty": "{}", "a list": "[]"}


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.fixture
def data_copy(data_dir, tmp_path):
    """A data folder of one's own and the folder of `sprites/easy` in it."""
    (version,) = (data_dir / "sprites" / "easy").glob("*.*.*/")
    target = tmp_path / "data" / version.relative_to(data_dir)
    shutil.copytree(version, target)
    return tmp_path / "data", target


@pytest.mark.parametrize("command", ["evaluate", "train"])
@pytest.mark.parametrize("fault", SHARDS)
def test_shards_name_the_folder_to_delete(
    fault, command, data_copy, workdir, one_line, tmp_path
):
    root, folder = data_copy
    split = "test" if command == "evaluate" else "train"
    (shard,) = folder.glob(f"*-{split}.tfrecord-*")
    SHARDS[fault](shard)
    if command == "evaluate":
        words = evaluate, f"--workdir={workdir}", f"--data_dir={root}"
    else:
        flags = [f"--{name}={value}" for name, value in TINY.items()]
        words = train, *flags, f"--data_dir={root}", f"--workdir={tmp_path / 'new'}"
    line = one_line(*words)
    assert str(folder) in line and "delete this folder" in line


@pytest.mark.parametrize("fault", DESCRIPTIONS)
def test_descriptions_name_the_folder_to_delete(fault, data_copy, workdir, one_line):
    root, folder = data_copy
    (folder / "dataset_info.json").write_text(DESCRIPTIONS[fault])
    line = one_line(evaluate, f"--workdir={workdir}", f"--data_dir={root}")
    assert str(folder) in line and "delete this folder" in line


FID_WEIGHTS = {
    "text": b"not weights",
    "nothing": b"",
    "a pickle": pickle.dumps({"a": 1}),
}


@pytest.mark.parametrize("fault", [*FID_WEIGHTS, "missing", "a folder"])
def test_fid_weights(fault, workdir, one_line, tmp_path):
    path = tmp_path / "weights.pth"
    if fault in FID_WEIGHTS:
        path.write_bytes(FID_WEIGHTS[fault])
    elif fault == "a folder":
        path.mkdir()
    line = one_line(evaluate, f"--workdir={workdir}", "--fid", f"--fid_weights={path}")
    assert str(path) in line


def picture(path, content=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        Image.fromarray(np.zeros([32, 32, 3], np.uint8)).save(path)
    else:
        path.write_bytes(content)


PICTURES = {
    "text": b"not a picture",
    "nothing": b"",
    "a start": b"\x89PNG\r\n\x1a\n" + b"x" * 20,
    "a JPEG without an end": b"\xff\xd8\xff\xe0" + b"\0" * 50,
}


@pytest.mark.parametrize("fault", PICTURES)
def test_pictures(fault, one_line, tmp_path):
    folder = tmp_path / "pictures"
    for index in range(3):
        picture(folder / "train" / f"{index}.png")
        picture(folder / "validation" / f"{index}.png")
        picture(folder / "test" / f"{index}.png")
    damaged = folder / "train" / "1.png"
    picture(damaged, PICTURES[fault])
    flags = [f"--{name}={value}" for name, value in TINY.items() if name != "dataset"]
    words = [*flags, "--dataset=folder", f"--data_dir={folder}"]
    assert str(damaged) in one_line(train, *words, f"--workdir={tmp_path / 'run'}")
    assert str(damaged) in one_line(segment, damaged, f"--out={tmp_path / 'out'}")


def test_places_that_cannot_be_written(workdir, one_line, tmp_path):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "x"
    flags = [f"--{name}={value}" for name, value in TINY.items()]
    assert str(place) in one_line(train, *flags, f"--workdir={place}")
    model = f"--workdir={workdir}"
    assert str(place / "1") in one_line(export, model, f"--out={place / '1'}")
    assert str(place) in one_line(reproduce, "--table=1", f"--workdir={place}")


def test_paths_in_a_home_folder(workdir, tmp_path, monkeypatch):
    """`--flag=~/x` comes from the shell as it is written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert export(["--workdir=~/run", "--out=~/served/1"]) == 0
    assert (tmp_path / "served" / "1" / "saved_model.pb").exists()
    settings = json.loads((workdir / CONFIG_FILE).read_text())
    words = ["--workdir=~/run", "--resume", f"--steps={settings['steps']}"]
    assert train(words) == 0
    assert not (tmp_path / "~").exists()
