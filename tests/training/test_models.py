"""A complete run of each model: training, pictures, resuming, evaluation."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import GECO
from genesis_keras.evaluation.report import split_text
from genesis_keras.evaluation.segmentation import evaluate
from genesis_keras.models.base import SceneModel
from genesis_keras.models.registry import MODELS, settings_of
from genesis_keras.presets.reading import read_metadata
from genesis_keras.training.checkpoints import load_model
from genesis_keras.training.config import resolve
from genesis_keras.training.recipes import RECIPES
from genesis_keras.training.run import build_model, train

SMALL = {"genesis_v2": {"feature_dim": 8}, "slot_attention": {"num_iterations": 1}}


def config_of(name, **overrides):
    small = {
        "dataset": "sprites/easy",
        "batch_size": 2,
        "num_slots": 2,
        **SMALL.get(name, {}),
    }
    return resolve({"model": name, **small, **overrides})


@pytest.fixture
def labelled(images):
    labels = np.zeros([4, 32, 32, 1], "int32")
    labels[:, 4:14, 4:14] = 1
    data = {"image": images, "segmentation": labels}
    return tf.data.Dataset.from_tensor_slices(data).batch(2)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_run_of_each_model(name, tmp_path, data_dir, labelled):
    config = config_of(
        name,
        steps=2,
        summary_every=1,
        picture_every=2,
        checkpoint_every=2,
        data_dir=str(data_dir),
    )
    validated = []
    model = train(config, tmp_path, validate=lambda m: validated.append(m) or {})
    assert type(model) is MODELS[name]
    assert validated == [model]
    pictures = {path.name for path in (tmp_path / "pictures").iterdir()}
    samples = {"samples_00000002.png"} if model.is_generative else set()
    assert pictures == {"panel_00000002.png"} | samples
    assert int(model.geco.num_updates) == (2 if model.has_likelihood else 0)
    before = read_metadata(tmp_path)
    assert (before["class"], before["steps"]) == (type(model).__name__, 2)
    assert before["minutes"] > 0 and before["scores"] == {}
    resumed = train(dataclasses.replace(config, steps=3), tmp_path, resume=True)
    assert int(resumed.optimizer.iterations) == 3
    metadata = read_metadata(tmp_path / "preset")
    assert metadata["steps"] == 3 and metadata["minutes"] > before["minutes"]
    stored = SceneModel.from_preset(tmp_path)
    for value, expected in zip(stored.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(value.numpy(), expected.numpy())
    scores = evaluate(load_model(tmp_path / "model.keras"), labelled, num_slots=3)
    assert scores["average_slots"] == 3.0
    for score, value in scores.items():  # each image has one object
        assert np.isnan(value) == score.endswith("_two_or_more") or value == 0.0, score
        assert not np.isinf(value)
    assert ("elbo" in scores) == model.has_likelihood
    assert ("ELBO -, KL -" in split_text({"fixed": scores})) != (model.has_likelihood)


@pytest.mark.slow
@pytest.mark.parametrize("image_size", [64, 128])
@pytest.mark.parametrize("name", MODELS)
def test_a_step_of_each_model_at_each_size(name, image_size):
    model = build_model(config_of(name, image_size=image_size, jit_compile="off"))
    images = tf.random.stateless_uniform([2, image_size, image_size, 3], [0, 1])
    losses = model.fit(images, batch_size=2, epochs=1, verbose=0).history["loss"]
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("name", MODELS)
def test_flexible_slots_only_where_there_are_some(name, labelled):
    model = build_model(config_of(name))
    if model.has_flexible_slots:
        scores = evaluate(model, labelled, flexible_slots=True)
        assert 1 <= scores["average_slots"] <= 2
        return
    with pytest.raises(ValueError, match=f"flexible_slots.*{type(model).__name__}"):
        evaluate(model, labelled, flexible_slots=True)


@pytest.mark.parametrize("name", MODELS)
def test_settings_of_a_run_reach_the_model(name):
    values = {
        "num_iterations": 2,
        "filters": 16,
        "initialization": "glorot",
        "posterior_scale_bias": -2.0,
        "mask_prior": "scope",
        "autoregressive_prior": False,
        "pixel_scale": 0.3,
        "seed": 7,
    }
    values = {k: v for k, v in values.items() if k in settings_of(MODELS[name])}
    model = build_model(config_of(name, **values))
    for setting, value in values.items():
        assert getattr(model, setting) == value


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        ("slot_attention", {"geco_goal": 0.5}),
        ("slot_attention", {"kernel": "gaussian"}),
        ("genesis", {"feature_dim": 32}),
        ("genesis_v2", {"num_iterations": 2}),
        ("monet", {"autoregressive_prior": False}),
    ],
)
def test_settings_that_a_model_does_not_have_are_named(model, setting):
    with pytest.raises(ValueError, match=f"{model}.*no setting {next(iter(setting))}"):
        resolve({"model": model, **setting})


def test_recipes_name_models_and_settings_that_exist():
    for name, recipe in RECIPES.items():
        for model in MODELS:
            # A data set for which no recipe has settings of its own.
            settings = {"model": model, "recipe": name, "dataset": "tetrominoes"}
            config = resolve(settings)
            build = recipe.settings | recipe.model_settings.get(model, {})
            build.pop("precision", None)  # auto is what suits the machine
            assert all(getattr(config, k) == v for k, v in build.items())
        assert recipe.model_settings.keys() <= MODELS.keys()


@pytest.mark.parametrize(
    ("model", "pixel_scale_steps", "clip_norm"),
    [("genesis_v2", 1_000, 1.0), ("genesis", 600, 1.0), ("monet", 0, 5_000.0)],
)
def test_each_model_has_its_own_settings_on_black(model, pixel_scale_steps, clip_norm):
    config = resolve({"recipe": "fast", "dataset": "sprites/easy", "model": model})
    assert config.pixel_scale_steps == pixel_scale_steps
    assert config.clip_norm == clip_norm


def test_slot_attention_has_its_schedule():
    config = resolve({"model": "slot_attention", "recipe": "paper"})
    assert config.batch_size == 64
    rates = build_model(config).optimizer._learning_rate
    assert float(rates(0)) == 0.0
    np.testing.assert_allclose(rates(5_000), 2e-4 * 0.5**0.05, rtol=1e-5)
    np.testing.assert_allclose(rates(10_000), 4e-4 * 0.5**0.1, rtol=1e-5)
    np.testing.assert_allclose(rates(150_000), 4e-4 * 0.5**1.5, rtol=1e-5)
    again = keras.optimizers.schedules.deserialize(
        keras.optimizers.schedules.serialize(rates)
    )
    assert again.get_config() == rates.get_config()


def test_only_one_decay():
    with pytest.raises(ValueError, match="decay_steps and halving_steps.*7 and 9"):
        build_model(config_of("slot_attention", decay_steps=7, halving_steps=9))


def test_geco_needs_a_likelihood(images):
    model = build_model(config_of("slot_attention"))
    with pytest.raises(ValueError, match="GECO.*SlotAttentionModel"):
        model.fit(images, batch_size=2, verbose=0, callbacks=[GECO()])
