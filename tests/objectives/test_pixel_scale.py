"""sigma_x that changes over the steps: its values, the goal, and a resumed run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import GECO, GenesisV2
from genesis_keras.models.genesis import Genesis
from genesis_keras.models.monet import Monet
from genesis_keras.models.slot_attention import SlotAttentionModel
from genesis_keras.objectives.geco import GecoSettings, GecoState
from genesis_keras.objectives.pixel_scale import PixelScale, goal_at_scale
from genesis_keras.training.geco_goals import goal_of_mse

SMALL = {"image_size": 16, "num_slots": 2, "seed": 0}
CHANGING = {"pixel_scale": 0.7, "pixel_scale_final": 0.2, "pixel_scale_steps": 3}


def test_scale_changes_by_the_same_factor_and_stays():
    scale = PixelScale(0.8, 0.1, 3)
    found = [float(scale.at(tf.constant(step))) for step in (0, 1, 2, 3, 99)]
    np.testing.assert_allclose(found, [0.8, 0.4, 0.2, 0.1, 0.1], rtol=1e-6)
    assert float(scale.scale) == pytest.approx(0.8)
    scale.set_step(tf.constant(2))
    assert float(scale.scale) == pytest.approx(0.2)


def test_goal_means_the_same_squared_error():
    goal = 48 * goal_of_mse(0.004, 0.7)
    found = goal_at_scale(goal, 0.7, tf.constant(0.2), 48)
    np.testing.assert_allclose(found, 48 * goal_of_mse(0.004, 0.2), rtol=1e-5)
    at_start = goal_at_scale(goal, 0.7, tf.constant(0.7), 48)
    np.testing.assert_allclose(at_start, goal, rtol=1e-6)


def test_beta_rests_while_the_error_follows_the_goal():
    scale, state = PixelScale(0.7, 0.1, 5), GecoState()
    goal = 48 * goal_of_mse(0.004, 0.7)
    state.attach(GecoSettings(goal=goal, step_size=0.1, initial_beta=0.5))
    for step in range(8):
        goals = scale.goals(goal, tf.constant(step), 48)
        state.update(goals[0], goals)
        np.testing.assert_allclose(state.error_ema, goals[0], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(state.beta, 0.5, rtol=1e-4)


@pytest.mark.parametrize("model_class", [GenesisV2, Genesis, Monet])
def test_models_take_the_scale_of_the_step(model_class):
    model = model_class(**SMALL, **CHANGING)
    images = tf.random.stateless_uniform([2, 16, 16, 3], [0, 1])
    draws = model.fixed_draws(2)
    before = model(images, **draws)["reconstruction_error"]
    same = model_class(**SMALL)
    same.set_weights([w for w in model.get_weights() if w.shape or w != 0.7])
    np.testing.assert_array_equal(before, same(images, **draws)["reconstruction_error"])
    model.changing_scale.set_step(tf.constant(3))
    narrow = model_class(**SMALL, pixel_scale=0.2)
    narrow.set_weights(same.get_weights())
    np.testing.assert_allclose(
        model(images, **draws)["reconstruction_error"],
        narrow(images, **draws)["reconstruction_error"],
        rtol=1e-5,
    )
    twin = model_class.from_config(model.get_config())
    assert twin.pixel_scale_steps == 3 and twin.pixel_scale_final == 0.2


def test_a_fixed_scale_adds_no_weight():
    names = [weight.path for weight in GenesisV2(**SMALL, feature_dim=8).weights]
    assert not any("changing" in name for name in names)
    with pytest.raises(ValueError, match="pixel_scale_steps"):
        SlotAttentionModel(image_size=32, pixel_scale_steps=3)


def test_resumed_it_goes_on_bit_for_bit(tmp_path):
    images = tf.random.stateless_uniform([8, 16, 16, 3], [2, 3]).numpy()

    def train(model, images):
        geco = GECO(goal=0.6, step_size=1e-3, initial_beta=0.2)
        history = model.fit(
            images, batch_size=2, shuffle=False, verbose=0, callbacks=[geco]
        ).history
        return history["geco_goal"][-1]

    def make():
        keras.utils.set_random_seed(0)
        model = GenesisV2(**SMALL, feature_dim=8, **CHANGING)
        model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
        return model

    whole, parts = make(), make()
    goal = train(whole, images)
    assert float(whole.changing_scale.scale) == pytest.approx(0.2)
    mse = 2 * 0.49 * (0.6 - goal_of_mse(0.0, 0.7))
    assert goal == pytest.approx(goal_of_mse(mse, 0.2), rel=1e-4)
    train(parts, images[:4])
    parts.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert 0.2 < float(loaded.changing_scale.scale) < 0.7
    loaded.run_eagerly = True
    train(loaded, images[4:])
    states = [[*m.weights, *m.optimizer.variables] for m in (whole, loaded)]
    for first, second in zip(*states, strict=True):
        np.testing.assert_array_equal(first, second, err_msg=first.path)
