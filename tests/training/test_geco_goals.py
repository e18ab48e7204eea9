"""GECO's goal as a squared error, alone and among the settings of a run."""

import json
import math

import pytest
from scipy import stats

from genesis_keras import GECO
from genesis_keras.commands.train import _parser as train_parser
from genesis_keras.models.genesis import Genesis
from genesis_keras.training.config import resolve
from genesis_keras.training.continuing import settings_to_go_on
from genesis_keras.training.flags import chosen_settings
from genesis_keras.training.geco_goals import error_floor, goal_of_mse, mse_of_goal
from genesis_keras.training.run_config import RunConfig


@pytest.mark.parametrize(
    ("scale", "goal", "expected"), [(0.7, 0.5655, 0.00317), (0.15, -0.91, 0.00307)]
)
def test_goals_are_errors_of_a_gaussian(scale, goal, expected):
    mse = mse_of_goal(goal, scale)
    assert mse == pytest.approx(expected, abs=5e-6)
    assert goal_of_mse(mse, scale) == pytest.approx(goal)
    off = math.sqrt(mse)  # the error of a value that is off by this
    assert goal == pytest.approx(-stats.norm.logpdf(off, scale=scale))
    assert error_floor(scale) == pytest.approx(-stats.norm.logpdf(0, scale=scale))


def test_a_goal_that_cannot_be_met_is_named():
    message = r"geco_goal=0.5 .*pixel_scale=0.7: it must be above 0.5623"
    with pytest.raises(ValueError, match=message):
        mse_of_goal(0.5, 0.7)
    with pytest.raises(ValueError, match=message):
        resolve({"recipe": "paper", "geco_goal": 0.5})
    with pytest.raises(ValueError, match=message):
        RunConfig(geco_goal=0.5)
    RunConfig(model="slot_attention", geco_goal=0.5)  # has no goal: any value will do
    model = Genesis(image_size=32, num_slots=2)
    with pytest.raises(ValueError, match="goal=0.5 .*pixel_scale=0.7.*0.5623"):
        GECO(goal=0.5).set_model(model)


def test_the_goal_as_a_squared_error():
    config = resolve({"goal_mse": 0.002, "pixel_scale": 0.3})
    assert config.geco_goal == goal_of_mse(0.002, 0.3)
    assert resolve({}).goal_mse == 0.0 and resolve({}).geco_goal == -0.91
    with pytest.raises(ValueError, match="goal_mse=0.002 and geco_goal=0.1 both"):
        resolve({"goal_mse": 0.002, "geco_goal": 0.1})
    with pytest.raises(ValueError, match="goal_mse must not be negative; got -0.1"):
        resolve({"goal_mse": -0.1})
    with pytest.raises(ValueError, match="'slot_attention' has no setting goal_mse"):
        resolve({"goal_mse": 0.002, "model": "slot_attention"})


def test_another_scale_keeps_the_squared_error_of_the_recipe():
    mse = mse_of_goal(-0.91, 0.15)
    assert resolve({"pixel_scale": 0.7}).geco_goal == pytest.approx(
        goal_of_mse(mse, 0.7)
    )
    assert resolve({"pixel_scale": 0.15}).geco_goal == -0.91
    chosen = {"pixel_scale": 0.7, "geco_goal": 0.6}
    assert resolve(chosen).geco_goal == 0.6
    # The paper's settings stay.
    assert resolve({"recipe": "paper", "pixel_scale": 0.6}).geco_goal == 0.5655


def test_files_of_settings_say_one_goal(tmp_path):
    def from_file(*words):
        options = train_parser().parse_args([f"--config={path}", *words])
        return resolve(chosen_settings(options))

    path = tmp_path / "config.json"
    config = resolve({"goal_mse": 0.002})
    config.save(tmp_path)
    assert RunConfig.load(tmp_path) == config == from_file()
    changed = from_file("--pixel_scale=0.3")
    assert changed.geco_goal == goal_of_mse(0.002, 0.3)
    assert from_file("--geco_goal=-0.5").goal_mse == 0.0
    resolve({}).save(tmp_path)
    assert from_file() == resolve({})
    assert from_file("--goal_mse=0.002") == config
    path.write_text(json.dumps({"geco_goal": -0.8}))
    assert from_file("--goal_mse=0.002") == config


def test_a_run_goes_on_with_its_goal(tmp_path):
    config = resolve({"goal_mse": 0.002})
    config.save(tmp_path)
    assert settings_to_go_on(tmp_path, {"goal_mse": 0.002}) == config
    assert settings_to_go_on(tmp_path, {"geco_goal": config.geco_goal}) == config
