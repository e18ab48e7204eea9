import collections
import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.training.callbacks import DivergedError, DivergenceGuard
from genesis_keras.training.checkpoints import CheckpointStore, load_model, save_model
from genesis_keras.training.config import resolve
from genesis_keras.training.optimizers import make_optimizer
from genesis_keras.training.run import build_model, train
from genesis_keras.training.run_config import RunConfig


def tiny_config(data_dir, **overrides):
    return resolve(
        {
            "dataset": "sprites/easy",
            "feature_dim": 8,
            "batch_size": 4,
            "steps": 6,
            "warmup_steps": 2,
            "summary_every": 2,
            "picture_every": 6,
            "checkpoint_every": 3,
            "data_dir": str(data_dir),
            **overrides,
        }
    )


def weights_of(model):
    names = {model.name: "model", model.optimizer.name: "optimizer"}
    values = {}
    for variable in [*model.weights, *model.optimizer.variables]:
        path = variable.path
        for name, common in names.items():
            path = path.replace(name, common)
        values[path] = keras.ops.convert_to_numpy(variable)
    return values


def assert_equal_weights(first, second):
    first, second = weights_of(first), weights_of(second)
    assert first.keys() == second.keys()
    for path, value in first.items():
        np.testing.assert_array_equal(value, second[path], err_msg=path)


def tensorboard(workdir):
    """Tag -> step -> value, of what a run wrote for TensorBoard."""
    found = collections.defaultdict(dict)
    for path in (workdir / "tensorboard").glob("events*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag][event.step] = tf.make_ndarray(value.tensor)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("accumulate_steps", [1, 2])
def test_resumed_run_equals_an_uninterrupted_one(
    accumulate_steps, data_dir, tmp_path, capsys
):
    half = tiny_config(data_dir, steps=3, accumulate_steps=accumulate_steps)
    longer = dataclasses.replace(half, steps=6)  # with the schedule of three steps
    whole = train(longer, tmp_path / "whole")
    train(half, tmp_path / "parts")
    resumed = train(longer, tmp_path / "parts", resume=True)
    assert "step 3" in capsys.readouterr().out
    assert int(resumed.optimizer.iterations) == 6
    assert resumed.accumulate_steps == accumulate_steps
    assert int(resumed.geco.num_updates) == 6
    assert_equal_weights(whole, resumed)


@pytest.mark.slow
def test_a_run_leaves_what_it_promises(data_dir, tmp_path):
    workdir = tmp_path / "run"
    scores = []

    def validate(model):
        scores.append(float(model.geco.beta))
        return {"ari_fg": 0.5}

    model = train(tiny_config(data_dir), workdir, validate=validate)
    names = {path.name for path in workdir.rglob("*") if path.is_file()}
    assert {
        "config.json",
        "model.keras",
        "step_00000003.keras",
        "step_00000006.keras",
        "panel_00000006.png",
        "samples_00000006.png",
    } <= names
    shown = tensorboard(workdir)
    (table,) = shown["settings"].values()
    assert b"| batch_size | 4 |\n" in table.item()
    rates = shown["train/learning_rate"]
    assert list(rates) == [2, 4, 6] and rates[2] != rates[6]
    assert rates[6] == pytest.approx(float(model.optimizer.learning_rate))
    assert shown["train/loss"].keys() == rates.keys()
    assert len(scores) == 1
    assert RunConfig.load(workdir) == tiny_config(data_dir)
    assert_equal_weights(load_model(workdir / "model.keras"), model)
    with pytest.raises(ValueError, match="--resume"):
        train(tiny_config(data_dir), workdir)
    with pytest.raises(ValueError, match=r"batch_size=4 became 8"):
        train(tiny_config(data_dir, batch_size=8), workdir, resume=True)


def test_a_run_that_finds_no_data_leaves_its_folder_free(tmp_path):
    config = tiny_config(tmp_path / "nowhere", dataset="folder")
    for _ in range(2):  # the second time it is no run to resume
        with pytest.raises(ValueError, match="nowhere"):
            train(config, tmp_path / "run")
    assert (tmp_path / "run" / "config.json").exists()


def compiled(make_model, learning_rate=1e-3):
    model = make_model()
    model.compile(make_optimizer(learning_rate))
    model.optimizer.build(model.trainable_weights)
    return model


def test_nan_stops_the_run_with_a_clear_error(make_model, images):
    model = compiled(make_model)
    images[0, 0, 0, 0] = np.nan
    with pytest.raises(DivergedError, match=r"step 1.*nan.*checkpoint is kept"):
        model.fit(images, batch_size=4, verbose=0, callbacks=[DivergenceGuard()])


def test_huge_loss_stops_the_run(make_model, images):
    model = compiled(make_model)
    model.geco.beta.assign(1e10)
    with pytest.raises(DivergedError, match="diverged"):
        model.fit(images, batch_size=4, verbose=0, callbacks=[DivergenceGuard()])


def test_weights_that_are_not_finite_are_not_saved(make_model, tmp_path):
    model, store = compiled(make_model), CheckpointStore(tmp_path)
    store.save(model, 1)
    model.trainable_weights[0].assign(model.trainable_weights[0] * np.nan)
    with pytest.raises(ValueError, match="not finite"):
        store.save(model, 2)
    assert store.steps() == [1]


def test_store_keeps_the_newest(make_model, tmp_path):
    model, store = compiled(make_model), CheckpointStore(tmp_path / "c", keep=2)
    assert store.restore() is None
    for step in (1, 2, 3):
        store.save(model, step)
    assert store.steps() == [2, 3]
    assert store.restore()[1] == 3


def test_damaged_checkpoint_falls_back_to_the_one_before(make_model, tmp_path, capsys):
    model, store = compiled(make_model), CheckpointStore(tmp_path)
    store.save(model, 1)
    store.save(model, 2)
    path = store.path(2)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    restored, step = store.restore()
    assert step == 1
    assert_equal_weights(restored, model)
    assert "step_00000002.keras" in capsys.readouterr().out
    store.path(1).write_bytes(b"")
    with pytest.raises(ValueError, match="no checkpoint can be read"):
        store.restore()


def test_failed_save_leaves_the_old_file(make_model, tmp_path, monkeypatch):
    model = compiled(make_model)
    path = tmp_path / "model.keras"
    save_model(model, path)
    before = path.read_bytes()

    def full_disk(*_, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full_disk)
    with pytest.raises(OSError, match=r"model.keras.*No space left.*intact"):
        save_model(model, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]


def test_missing_model_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere.keras"):
        load_model(tmp_path / "nowhere.keras")


def test_recipes_and_overrides():
    fast = resolve({})
    assert (fast.dataset, fast.recipe, fast.image_size) == ("sprites/hard", "fast", 32)
    paper = resolve({"recipe": "paper", "feature_dim": 32})
    assert (paper.recipe, paper.steps, paper.batch_size) == ("paper", 500_000, 32)
    assert (paper.learning_rate, paper.posterior_scale_bias) == (1e-4, 0.0)
    assert paper.feature_dim == 32


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"dataset": "nothing"}, "nothing"),
        ({"recipe": "slow"}, "recipe.*slow"),
        ({"steps": 0}, "steps.*0"),
        ({"batch_size": -1}, "batch_size.*-1"),
        ({"learning_rate": 0.0}, "learning_rate.*0"),
        ({"seed": -1}, "seed.*-1"),
        ({"jit_compile": "maybe"}, "jit_compile.*maybe"),
        ({"speed": 3}, "speed"),
    ],
)
def test_bad_settings_are_named(overrides, message):
    with pytest.raises(ValueError, match=message):
        resolve(overrides)


def test_unknown_model_is_named():
    with pytest.raises(ValueError, match="model.*genesis_v9"):
        build_model(resolve({"model": "genesis_v9"}))


def test_config_file_errors_name_the_folder(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        RunConfig.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"speed": 3}))
    with pytest.raises(ValueError, match="damaged.*speed"):
        RunConfig.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        RunConfig.load(tmp_path)


def test_schedule_depends_on_the_step_alone():
    rates = make_optimizer(1e-3, warmup_steps=100, decay_steps=1000)._learning_rate
    np.testing.assert_allclose(rates(0), 0.0)
    np.testing.assert_allclose(rates(50), 5e-4, rtol=1e-5)
    np.testing.assert_allclose(rates(100), 1e-3, rtol=1e-5)
    np.testing.assert_allclose(rates(600), 0.51e-3, rtol=1e-3)
    np.testing.assert_allclose(rates(5000), 2e-5, rtol=1e-4)
    assert make_optimizer(1e-3).epsilon == 1e-8
