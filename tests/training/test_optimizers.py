"""Clipping, averaging of the weights, and saving of both."""

import keras
import numpy as np
import pytest

from genesis_keras.objectives.geco import GecoSettings, geco_update
from genesis_keras.training import run
from genesis_keras.training.config import resolve
from genesis_keras.training.fused_adam import FusedAdam
from genesis_keras.training.optimizers import (
    AidedAdam,
    averaged_weights,
    make_optimizer,
)


def make_model(optimizer):
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)
    return model


def gradients(scale):
    return [np.float32([[3.0], [4.0]]) * scale, np.float32([12.0]) * scale]


def test_clipping_is_that_of_keras():
    ours = AidedAdam(1.3, learning_rate=0.1)
    keras_own = keras.optimizers.Adam(0.1, global_clipnorm=1.3)
    models = [make_model(ours), make_model(keras_own)]
    models[1].set_weights(models[0].get_weights())
    for scale in (1.0, 0.01, 3.0, 0.1):  # norms 13, 0.13, 39 and 1.3
        for model in models:
            values = [keras.ops.convert_to_tensor(g) for g in gradients(scale)]
            model.optimizer.apply(values, model.trainable_variables)
    for first, second in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(first, second, rtol=2e-5)


def test_clipped_gradients_have_the_norm():
    optimizer = AidedAdam(1.3)
    clipped = optimizer._clip([*gradients(1.0), None])
    np.testing.assert_allclose(clipped[0], gradients(0.1)[0], rtol=1e-6)
    np.testing.assert_allclose(clipped[1], [1.2], rtol=1e-6)
    assert clipped[2] is None
    np.testing.assert_array_equal(
        optimizer._clip(gradients(0.05))[1], [np.float32(0.6)]
    )


@pytest.mark.parametrize("skipped", [False, True])
def test_average_of_the_weights(skipped):
    model = make_model(AidedAdam(learning_rate=0.1, use_ema=True, ema_momentum=0.75))
    seen = [model.get_weights()[0]]
    if skipped:  # as the models count a batch that is left out
        model.optimizer.iterations.assign(1)
    for _ in range(3):
        values = [keras.ops.convert_to_tensor(g) for g in gradients(1.0)]
        model.optimizer.apply(values, model.trainable_variables)
        seen.append(model.get_weights()[0])
    # Of the first step Keras takes the weights after it.
    average = seen[0] if skipped else seen[1]
    for weights in seen[1:] if skipped else seen[2:]:
        average = 0.75 * average + 0.25 * weights
    with averaged_weights(model):
        np.testing.assert_allclose(model.get_weights()[0], average, rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[0], seen[-1])
    with pytest.raises(ZeroDivisionError), averaged_weights(model):
        raise ZeroDivisionError
    np.testing.assert_array_equal(model.get_weights()[0], seen[-1])


def test_without_an_average_nothing_is_swapped():
    model = make_model(make_optimizer(0.1))
    before = model.get_weights()
    with averaged_weights(model):
        for value, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(value, other)


def test_aids_are_off_by_default_and_saved():
    assert type(make_optimizer(0.1)) is FusedAdam
    for recipe in ("paper", "fast"):
        config = resolve({"recipe": recipe})
        assert config.clip_norm == config.ema_momentum == 0
        assert config.geco_min_beta == 1e-10
    optimizer = make_optimizer(0.1, clip_norm=2.0, ema_momentum=0.999)
    twin = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(twin, AidedAdam) and twin.get_config() == optimizer.get_config()
    assert (twin.clip_norm, twin.use_ema, twin.ema_momentum) == (2.0, True, 0.999)
    assert twin.epsilon == 1e-8


def test_floor_of_beta():
    settings = GecoSettings(goal=0.0, step_size=10.0, initial_beta=0.5, min_beta=0.01)
    beta, _ = geco_update(0.5, keras.ops.zeros(()), True, 1.0, settings)
    np.testing.assert_allclose(beta, 0.01)  # 0.5 exp(-10) is less
    with pytest.raises(ValueError, match="initial_beta must be .*0.6.* 0.5"):
        GecoSettings(goal=0.0, initial_beta=0.5, min_beta=0.6)
    with pytest.raises(ValueError, match="min_beta must be .* got 0.0"):
        GecoSettings(goal=0.0, min_beta=0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip_norm": -1.0}, "clip_norm must not be negative; got -1.0"),
        ({"ema_momentum": 1.0}, "ema_momentum must be at most 0.999999; got 1.0"),
        (
            {"geco_min_beta": 0.5, "geco_initial_beta": 0.1},
            "geco_initial_beta must be at least geco_min_beta=0.5; got 0.1",
        ),
        ({"geco_min_beta": 0.0}, "geco_min_beta must be .* 0.0"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        resolve(settings)


def test_saved_and_loaded_it_goes_on_bit_for_bit(tmp_path):
    def steps(model, scales):
        for scale in scales:
            values = [keras.ops.convert_to_tensor(g) for g in gradients(scale)]
            model.optimizer.apply(values, model.trainable_variables)

    model = make_model(make_optimizer(0.1, clip_norm=2.0, ema_momentum=0.9))
    steps(model, (1.0, 0.1))
    model.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, twin):
        steps(each, (0.3, 0.02))
    states = [[*m.weights, *m.optimizer.variables] for m in (model, twin)]
    for first, second in zip(*states, strict=True):
        np.testing.assert_array_equal(first, second, err_msg=first.path)
    with averaged_weights(model), averaged_weights(twin):
        for first, second in zip(model.weights, twin.weights, strict=True):
            np.testing.assert_array_equal(first, second)


def test_a_run_leaves_and_scores_the_average(tmp_path, monkeypatch):
    model = make_model(make_optimizer(0.1, ema_momentum=0.5))
    seen = []

    def fit(model, config, workdir, strategy, store, step, validate):
        for _ in range(config.steps):
            values = [keras.ops.convert_to_tensor(g) for g in gradients(1.0)]
            model.optimizer.apply(values, model.trainable_variables)
        run._on_average(validate)(model)

    monkeypatch.setattr(run, "build_model", lambda config: model)
    monkeypatch.setattr(run, "_fit", fit)
    monkeypatch.setattr(run, "write_run_preset", lambda *_: None)  # a model of ours
    run.train(
        resolve({"steps": 3}), tmp_path, validate=lambda m: seen.append(m.get_weights())
    )
    saved = keras.models.load_model(tmp_path / "model.keras")
    averages = saved.optimizer._model_variables_moving_average
    last = model.get_weights()
    for weight, average, scored, raw in zip(
        saved.get_weights(), averages, seen[0], last, strict=True
    ):
        np.testing.assert_array_equal(weight, average)
        np.testing.assert_array_equal(weight, scored)
        assert np.all(weight != raw)
