"""A run that starts from the weights of a preset."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from genesis_keras.models.registry import MODELS
from genesis_keras.models.slot_attention import SlotAttentionModel
from genesis_keras.presets.card import presets_table
from genesis_keras.presets.reading import read_metadata
from genesis_keras.presets.writing import write_preset
from genesis_keras.training import fine_tuning
from genesis_keras.training.config import resolve
from genesis_keras.training.continuing import locate
from genesis_keras.training.run import build_model, train
from genesis_keras.training.run_config import RunConfig
from genesis_keras.training.run_preset import command_of, run_metadata
from genesis_keras.training.search import search_space

SETTINGS = {
    "dataset": "sprites/easy",
    "batch_size": 2,
    "num_slots": 2,
    "summary_every": 1,
    "picture_every": 9,
    "checkpoint_every": 1,
}


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """Preset of GENESIS-V2 whose GECO has run, with a kernel of its own."""
    config = resolve({"feature_dim": 8, "kernel": "laplacian", "region_passes": 3})
    model = build_model(config)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.125)
    model.geco.beta.assign(0.5)
    model.geco.num_updates.assign(7)
    folder = tmp_path_factory.mktemp("presets") / "small"
    model.save_to_preset(folder)
    return model, str(folder)


def test_the_architecture_is_the_presets_and_the_rest_the_recipes(preset):
    _, folder = preset
    config = resolve(
        {
            "init_from_preset": folder,
            "dataset": "objects_room/rendered",
            "image_size": 32,
        }
    )
    assert (config.feature_dim, config.kernel) == (8, "laplacian")
    assert config.region_passes == 3  # the recipe of this data set has 4
    usual = resolve({"dataset": "objects_room/rendered"})
    for name in ("num_slots", "steps", "geco_goal", "learning_rate", "pixel_scale"):
        assert getattr(config, name) == getattr(usual, name)
    changed = resolve({"init_from_preset": folder, "region_passes": 5})
    assert changed.region_passes == 5


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"feature_dim": 16}, r"the preset has feature_dim=8, the run feature_dim=16;"),
        ({"kernel": "gaussian"}, "has kernel='laplacian', the run kernel='gaussian'"),
        ({"image_size": 64}, "has image_size=32, the run image_size=64"),
        ({"gate_rate": 1.0}, r"has gate_rate=0.01, the run gate_rate=1.0"),
        ({"model": "monet"}, "has model='genesis_v2', the run model='monet'"),
    ],
)
def test_another_architecture_is_one_clear_error(preset, chosen, message):
    _, folder = preset
    with pytest.raises(ValueError, match=message):
        resolve({"init_from_preset": folder, **chosen})


def test_presets_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="'nothing' is neither a bundled preset"):
        resolve({"init_from_preset": "nothing"})
    with pytest.raises(ValueError, match="is not a preset"):
        resolve({"init_from_preset": str(tmp_path)})


def test_weights_are_the_presets_and_the_rest_starts_anew(preset):
    source, folder = preset
    config = resolve({"init_from_preset": folder, "geco_initial_beta": 0.25, "seed": 3})
    model = build_model(config)
    for value, expected in zip(
        model.trainable_weights, source.trainable_weights, strict=True
    ):
        np.testing.assert_array_equal(value.numpy(), expected.numpy())
    assert int(model.geco.num_updates) == 0 and float(model.geco.beta) == 1.0
    assert int(model.optimizer.iterations) == 0
    assert model.seed == 3
    # Also where the settings were not resolved.
    with pytest.raises(ValueError, match="the run kernel='gaussian'"):
        build_model(dataclasses.replace(config, kernel="gaussian"))


@pytest.mark.parametrize(("before", "after"), [(4, 0), (0, 4), (4, 6)])
def test_sigma_x_changes_as_in_the_new_run(tmp_path, before, after):
    scales = {"pixel_scale": 0.7, "pixel_scale_final": 0.2}
    source = build_model(
        resolve({"feature_dim": 8, "pixel_scale_steps": before, **scales})
    )
    if before:
        source.changing_scale.set_step(before)
    source.save_to_preset(tmp_path / "preset")
    chosen = {"init_from_preset": str(tmp_path / "preset"), "pixel_scale": 0.5}
    config = resolve({**chosen, "pixel_scale_steps": after})
    model = build_model(config)
    if after:
        model.changing_scale.set_step(0)
    np.testing.assert_allclose(model.current_pixel_scale, 0.5, rtol=1e-6)
    assert resolve(chosen).pixel_scale_steps == 0  # of the recipe, not of the preset


def test_a_search_leaves_the_architecture_alone(preset):
    config = resolve({"init_from_preset": preset[1]})
    searched = {
        p.name for p in search_space(config, fine_tuning.fixed_settings()).space
    }
    assert "learning_rate" in searched
    assert not searched & {"feature_dim", "kernel"}


def test_names_of_models_and_settings_exist():
    assert fine_tuning.CLASSES == {
        model.__name__: name for name, model in MODELS.items()
    }
    names = {field.name for field in dataclasses.fields(RunConfig)}
    assert set(fine_tuning.INHERITED) | set(fine_tuning.OF_RECIPE) < names
    fixed = set(fine_tuning.fixed_settings())
    assert {"model", "image_size", "feature_dim", "gate_rate", "filters"} < fixed
    assert not fixed & {"num_slots", "learning_rate", "pixel_scale", "region_passes"}


def test_a_preset_older_than_a_setting_has_its_default(preset, tmp_path):
    folder = tmp_path / "older"
    shutil.copytree(preset[1], folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["config"]["pooled_statistics"]
    path.write_text(json.dumps(config))
    assert not RunConfig.pooled_statistics
    assert not resolve({"init_from_preset": str(folder)}).pooled_statistics


@pytest.mark.slow
def test_a_fine_tuned_run_goes_on_without_its_preset(tmp_path, data_dir):
    source = SlotAttentionModel(image_size=32, num_slots=5, filters=8, num_iterations=1)
    folder = tmp_path / "preset"
    source.save_to_preset(folder)
    given = {**SETTINGS, "init_from_preset": str(folder), "data_dir": str(data_dir)}
    config, _ = locate({**given, "steps": 1}, str(tmp_path / "run"))
    assert (config.model, config.filters) == ("slot_attention", 8)
    train(config, tmp_path / "run")
    shutil.rmtree(folder)
    again, _ = locate({**given, "steps": 2}, str(tmp_path / "run"), resume=True)
    model = train(again, tmp_path / "run", resume=True)
    assert int(model.optimizer.iterations) == 2
    assert again.init_from_preset == str(folder)


def test_slots_of_a_preset_can_become_learned_ones(tmp_path):
    sizes = {"image_size": 32, "num_slots": 3, "filters": 8, "slot_dim": 8}
    source = SlotAttentionModel(**sizes, num_iterations=1)
    scale = source.attention.initial_log_scale
    scale.assign(scale - 20.0)  # all random slots are near their mean
    source.save_to_preset(tmp_path / "preset")
    chosen = {"init_from_preset": str(tmp_path / "preset"), "num_slots": 5}
    config = resolve({**chosen, "initial_slots": "learned", "implicit_gradient": True})
    assert config.num_iterations == 1  # of the preset
    model = build_model(config)
    mean = np.repeat(source.attention.initial_mean.numpy(), 5, axis=1)
    np.testing.assert_allclose(model.attention.learned_slots, mean, atol=1e-5)
    ours, theirs = model.trainable_weights[-1], source.trainable_weights[-1]
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert model.implicit_gradient and resolve(chosen).initial_slots == "random"
    with pytest.raises(ValueError, match="initial_slots='random', the run.*'clusters'"):
        resolve({**chosen, "initial_slots": "clusters"})


def test_learned_slots_of_a_preset_fit_other_numbers_of_slots(tmp_path):
    source = SlotAttentionModel(32, 3, filters=8, initial_slots="learned")
    source.save_to_preset(tmp_path / "preset")
    model = build_model(
        resolve({"init_from_preset": str(tmp_path / "preset"), "num_slots": 5})
    )
    slots = model.attention.learned_slots.numpy()
    assert slots.shape == (1, 5, 64)
    np.testing.assert_array_equal(slots[:, :3], source.attention.learned_slots.numpy())


def test_the_preset_tells_the_whole_training(preset, tmp_path):
    source, source_folder = preset
    config = resolve({"recipe": "fast"})
    record = {"minutes": 3.5, "hardware": "1 core of Z80"}
    first = run_metadata(config, record)
    assert first["earlier_training"] == []
    facts = {"minutes": 2.0}
    for name in ("first", "second"):
        folder = tmp_path / name / "preset"
        write_preset(source, folder, {**first, **facts})
        config = dataclasses.replace(config, init_from_preset=str(folder))
        first = run_metadata(config, record)
    assert [run["name"] for run in first["earlier_training"]] == ["first", "second"]
    assert [run["minutes"] for run in first["earlier_training"]] == [2.0, 2.0]
    # Folders of this machine mean nothing to others.
    assert first["settings"]["init_from_preset"] == "second"
    assert "--init_from_preset=second" in first["command"]
    assert str(tmp_path) not in json.dumps(first)
    card = (tmp_path / "second" / "preset" / "README.md").read_text()
    assert "| `first` | sprites/hard | 5000 | 2.0 | `python train.py` |" in card
    table = presets_table({"third": {**read_metadata(str(folder)), **first}})
    assert "| 7.5 |" in table  # 3.5 + 2 + 2 minutes

    # Where the preset is gone, its minutes are unknown, and so is the sum.
    shutil.rmtree(tmp_path / "second")
    gone = run_metadata(config, record)
    (earlier,) = gone["earlier_training"]
    assert earlier["name"] == "second" and earlier["minutes"] is None
    table = presets_table({"third": {**first, **read_metadata(source_folder), **gone}})
    assert "| not recorded |" in table
    for name in ("hf://someone/name", "genesis_v2_sprites_hard"):
        config = dataclasses.replace(config, init_from_preset=name)
        assert f"--init_from_preset={name}" in command_of(config)
