"""Presets of runs, with the scores of the stored weights."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from genesis_keras.commands import bundling
from genesis_keras.commands.bundling import check_preset, preset_of_run
from genesis_keras.commands.presets import main
from genesis_keras.data.pipeline import load
from genesis_keras.models.base import SceneModel
from genesis_keras.presets import layout
from genesis_keras.training.checkpoints import save_model
from genesis_keras.training.config import resolve
from genesis_keras.training.provenance import Provenance, describe_hardware
from genesis_keras.training.run import build_model
from genesis_keras.training.run_config import RunConfig
from genesis_keras.training.run_preset import command_of
from genesis_keras.training.saved_files import MODEL_FILE

NAME = "object_masks/ari_fg"


@pytest.fixture
def finished(tmp_path, data_dir):
    """Folder of a run of Slot Attention, the quickest to score, but not trained."""
    workdir = tmp_path / "run"
    config = resolve(
        {
            "model": "slot_attention",
            "dataset": "sprites/easy",
            "image_size": 32,
            "filters": 8,
            "num_iterations": 1,
            "precision": "mixed_bfloat16",
            "data_dir": str(data_dir),
        }
    )
    workdir.mkdir()
    config.save(workdir)
    save_model(build_model(config), workdir / MODEL_FILE)
    return workdir


@pytest.fixture
def scored(monkeypatch):
    """Replaces the scoring; returns the scored models and the scores to give them."""
    models, values = [], [0.5, 0.501]

    def measure(model, images, protocol):
        models.append(model)
        assert protocol.min_mask_pixels == 20.0
        scores = {NAME: values[len(models) - 1], "num_images": protocol.num_images}
        modes = {"fixed": scores}
        others = {split: modes for split in protocol.splits[1:]}
        return {"results": modes, "other_splits": others}

    monkeypatch.setattr(bundling, "measure", measure)
    return models, values


def test_a_run_becomes_a_preset(tmp_path, finished, data_dir, scored, capsys):
    words = [f"--workdir={finished}", "--name=small", f"--out={tmp_path}"]
    words += ["--split=test,more_objects:6", "--num_images=8", "--minutes=1.5"]
    assert main(words) == 0
    assert "| `small` | `SlotAttentionModel` | `sprites/easy` |" in (
        capsys.readouterr().out
    )
    folder = tmp_path / "small"
    text = (folder / layout.METADATA_FILE).read_text()
    metadata = json.loads(text)
    assert (metadata["minutes"], metadata["commit"]) == (1.5, None)
    assert "--filters=8" in metadata["command"]
    assert metadata["steps"] == metadata["settings"]["steps"]
    assert str(data_dir) not in text
    assert metadata["weights_dtype"] == "float16"
    assert metadata["licence"] == "Apache-2.0"
    protocol = {"num_images": 8, "seed": 0, "min_mask_pixels": 20.0}
    assert metadata["protocol"] == protocol
    score = {"fixed": {NAME: 0.5, "num_images": 8}}
    assert metadata["scores"] == {"test": score, "more_objects:6": score}

    # What was scored is what is read back, and computes in float32.
    model = SceneModel.from_preset(folder)
    assert model.dtype_policy.name == "float32"
    for value, expected in zip(scored[0][0].weights, model.weights, strict=True):
        np.testing.assert_array_equal(value.numpy(), expected.numpy())

    examples = layout.example_paths(folder)
    assert len(examples) == 8
    images = load(
        "sprites/easy",
        "test",
        batch_size=8,
        image_size=32,
        num_examples=8,
        data_dir=data_dir,
    )
    with Image.open(examples[0]) as example:
        first = next(iter(images))["image"][0].numpy()
        np.testing.assert_allclose(np.array(example) / 255.0, first, atol=1e-6)


def test_what_a_run_has_recorded_is_kept_unless_given(tmp_path, finished, scored):
    record = {"model": "slot_attention", "step": 7, "minutes": 12.5, "commit": "abc"}
    record |= {"hardware": "2 cores of a Z80", "versions": {"keras": "3.12"}}
    config = RunConfig.load(finished)
    save_model(build_model(config), finished / MODEL_FILE, record)
    _, metadata = preset_of_run(
        finished, "small", tmp_path, facts={"commit": "def", "minutes": None}
    )
    assert (metadata["steps"], metadata["minutes"]) == (7, 12.5)
    assert (metadata["hardware"], metadata["commit"]) == ("2 cores of a Z80", "def")
    assert metadata["versions"] == {"keras": "3.12"}
    assert list(metadata["scores"]) == [
        "test",
        "train",
        "validation",
        "more_objects:6",
        "identical_color",
    ]


def test_a_check_measures_the_scores_again(
    tmp_path, finished, scored, data_dir, capsys
):
    models, values = scored
    preset_of_run(finished, "small", tmp_path, splits=["test"], num_images=8)
    words = [f"--check={tmp_path / 'small'}", f"--data_dir={data_dir}"]
    models.clear()
    values[0] = 0.5009
    assert main(words) == 0
    assert "1 scores, the largest difference is 0.000900" in capsys.readouterr().out
    models.clear()
    values[0] = 0.502
    assert main(words) == 1
    assert "difference is 0.002000, more than 0.001" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recorded", "threshold"), [({}, 20.0), ({"min_mask_pixels": 5.0}, 5.0)]
)
def test_a_check_has_the_threshold_of_the_preset(
    tmp_path, finished, scored, monkeypatch, recorded, threshold
):
    """Presets without a record are from a version whose threshold was always 20."""
    folder, metadata = preset_of_run(
        finished, "small", tmp_path, splits=["test"], num_images=8
    )
    metadata["dataset"] = "shapestacks/rendered"  # whose threshold is 40
    metadata["protocol"] = {"num_images": 8, "seed": 0, **recorded}
    (folder / layout.METADATA_FILE).write_text(json.dumps(metadata))
    asked = []

    def measure(model, images, protocol):
        asked.append(protocol.for_dataset(images.dataset).min_mask_pixels)
        return {"results": {"fixed": {NAME: 0.5, "num_images": 8}}}

    monkeypatch.setattr(bundling, "measure", measure)
    bundling.check_preset(folder)
    assert asked == [threshold]


def test_presets_that_are_refused(tmp_path, finished, scored):
    models, values = scored
    values[1] = 0.503
    with pytest.raises(ValueError, match="0.5000 as stored instead of 0.5030: use"):
        preset_of_run(finished, "inexact", tmp_path, splits=["test"])
    with pytest.raises(ValueError, match="bytes, more than 1,000: use"):
        preset_of_run(finished, "large", tmp_path, max_bytes=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_the_scores_are_those_of_an_evaluation(tmp_path, finished, monkeypatch):
    monkeypatch.setattr(bundling, "_check_loss", lambda *arguments: None)
    _, metadata = preset_of_run(
        finished, "small", tmp_path, splits=["test"], num_images=8
    )
    scores = metadata["scores"]["test"]["fixed"]
    assert scores["num_images"] == 8
    assert -1 <= scores["object_masks/ari_fg"] <= 1
    assert 0 <= scores["masks/msc_fg"] <= 1
    difference, count = check_preset(tmp_path / "small", finished_data(finished))
    assert count == 8 and difference < 1e-5


def finished_data(workdir):
    return RunConfig.load(workdir).data_dir


def test_minutes_and_machines_add_up(monkeypatch):
    new = Provenance()
    assert 0 <= new.facts()["minutes"] < 1
    record = {**new.facts(), "minutes": 5.0}
    again = Provenance(record)
    monkeypatch.setattr(again, "start", again.start - 120)
    assert again.facts() == {**record, "minutes": pytest.approx(7.0, abs=0.1)}
    moved = Provenance({**record, "hardware": "2 cores of a Z80"}).facts()
    assert moved["hardware"] == f"2 cores of a Z80, then {record['hardware']}"
    # If one part is unknown, so is the sum.
    assert set(Provenance({"step": 3}).facts().values()) == {None}


def test_hardware_in_words():
    place = {"cores": "1", "machine": "Z80", "accelerators": ""}
    assert describe_hardware(place) == "1 core of Z80"
    place |= {"cores": "16", "accelerators": "NVIDIA H100"}
    assert describe_hardware(place) == "NVIDIA H100; 16 cores of Z80"


def test_the_command_of_a_run():
    assert command_of(resolve({"recipe": "fast"})) == "python train.py"
    chosen = {"steps": 300, "model": "monet", "dataset": "sprites/easy"}
    assert command_of(resolve({**chosen, "data_dir": "somewhere"})) == (
        "python train.py --model=monet --dataset=sprites/easy --steps=300"
    )
    paper = command_of(resolve({"recipe": "paper", "learning_rate": 0.5}))
    assert paper == "python train.py --recipe=paper --learning_rate=0.5"
    # A goal in nats that follows from the squared error is not repeated.
    by_error = {"recipe": "fast", "goal_mse": 0.005}
    assert command_of(resolve(by_error)) == "python train.py --goal_mse=0.005"
    # Nor are settings that the model does not have: train.py refuses them.
    other = dataclasses.replace(resolve({"model": "monet"}), mask_guidance_steps=7)
    assert command_of(other) == "python train.py --model=monet"


def test_the_table_without_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(layout, "BUNDLED", tmp_path)
    assert SceneModel.presets == {}
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("| preset | class |")
    assert main(["--name=x"]) == 1
    assert "--name and --out need --workdir" in capsys.readouterr().err
    assert main(["--workdir=x"]) == 1
    assert "--workdir needs --name" in capsys.readouterr().err
