"""Unsupported settings of Keras: a one-line error at import names their origin."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from genesis_keras import SlotAttentionModel, surroundings

CHANNELS_FIRST = {
    "floatx": "float32",
    "epsilon": 1e-07,
    "backend": "tensorflow",
    "image_data_format": "channels_first",
}


@pytest.fixture
def keras_json(tmp_path, monkeypatch):
    """Function that writes a `keras.json`, as if Keras were not imported yet."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr(surroundings, "_actual", lambda name, value: value)

    def write(text):
        (tmp_path / "keras.json").write_text(text)
        return str(tmp_path / "keras.json")

    return write


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_data_format", "channels_first"),
        ("backend", "torch"),
        ("floatx", "float16"),
    ],
)
def test_the_file_is_named(keras_json, name, value):
    path = keras_json(
        json.dumps({**CHANNELS_FIRST, "image_data_format": "channels_last"})
    )
    assert surroundings.problem() is None
    path = keras_json(json.dumps({name: value}))
    text = surroundings.problem()
    assert f"{name}=" in text and repr(value) in text and path in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "{}"])
def test_a_file_that_says_nothing_is_no_problem(keras_json, text):
    keras_json(text)
    assert surroundings.problem() is None


def test_the_variable_is_named_and_goes_before_the_file(keras_json, monkeypatch):
    keras_json(json.dumps({"backend": "torch"}))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    text = surroundings.problem()
    assert "'jax' from the environment variable KERAS_BACKEND" in text
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert surroundings.problem() is None


def test_calls_are_named_when_a_model_is_made():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(
            ValueError, match="'channels_first' from keras.config.set_im"
        ):
            SlotAttentionModel(image_size=16)
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    "command",
    [["train.py"], ["evaluate.py", "--help"], ["-m", "genesis_keras.export"]],
)
def test_commands_end_with_one_line(tmp_path, command):
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "jax"}
    result = subprocess.run(
        [sys.executable, *command],
        cwd=pathlib.Path(__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "error: genesis_keras needs Keras with backend='tensorflow'; got 'jax' from "
        "the environment variable KERAS_BACKEND\n"
    )


@pytest.mark.parametrize("backend", [None, "jax"])
def test_import_ends_with_one_line(tmp_path, backend):
    path = tmp_path / "keras.json"
    path.write_text(json.dumps(CHANNELS_FIRST))
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    environment.pop("KERAS_BACKEND", None)
    if backend:
        environment["KERAS_BACKEND"] = backend
    result = subprocess.run(
        [sys.executable, "-c", "import genesis_keras"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: genesis_keras needs Keras with ")
    assert ("KERAS_BACKEND" if backend else str(path)) in last
