"""Files of all kinds can be written to and read from folders with unusual names.

SavedModels and ONNX and LiteRT files are read back in `tests/export`, data sets in
`tests/datasets`, reports in `tests/evaluation`.
"""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from genesis_keras import SlotAttentionModel
from genesis_keras.storage import write_json
from genesis_keras.training.checkpoints import CheckpointStore, load_model, save_model
from genesis_keras.training.collapse import WATCH_FILE, read_watch
from genesis_keras.training.run_config import RunConfig
from genesis_keras.visualization import save_figures


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run [1] ä*"


def strictly(path):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_json_of_scores_that_are_not_finite(folder):
    scores = {"ari": math.nan, "fid": [1.5, -math.inf], 0.5: {"n": (1, math.inf)}}
    write_json(folder / "metrics.json", scores)
    assert strictly(folder / "metrics.json") == {
        "ari": None,
        "fid": [1.5, None],
        "0.5": {"n": [1, None]},
    }


def test_watch_comes_back_with_nan(folder):
    records = [{"step": 3, "error": math.nan, "warnings": []}]
    write_json(folder / WATCH_FILE, records)
    strictly(folder / WATCH_FILE)
    (record,) = read_watch(folder)
    assert record["step"] == 3 and math.isnan(record["error"])


def test_settings(folder):
    config = RunConfig(num_slots=3)
    config.save(folder)
    assert RunConfig.load(folder) == config


def test_models_and_checkpoints(folder):
    model = SlotAttentionModel(
        16, num_slots=2, num_iterations=1, slot_dim=8, filters=8, seed=0
    )
    save_model(model, folder / "model.keras")
    loaded = load_model(folder / "model.keras")
    for weight, expected in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)
    store = CheckpointStore(folder / "checkpoints")
    model.compile("sgd")
    store.save(model, 7)
    assert store.steps() == [7]
    model.save_weights(folder / "x.weights.h5")
    loaded.decoder_output.bias.assign(np.ones(4))
    loaded.load_weights(folder / "x.weights.h5")
    np.testing.assert_array_equal(loaded.decoder_output.bias, model.decoder_output.bias)


def test_figures(folder):
    picture = np.random.default_rng(0).integers(0, 256, [20, 30, 3]).astype("uint8")
    save_figures(folder, {"samples": picture}, pdf=True)
    with Image.open(folder / "samples.png") as image:
        np.testing.assert_array_equal(np.asarray(image), picture)
    content = (folder / "samples.pdf").read_bytes()
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")


def test_summaries(folder):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=5):
        tf.summary.scalar("error", 0.25)
    writer.close()
    (path,) = folder.iterdir()
    events = [
        tf.compat.v1.Event.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    ]
    (value,) = events[-1].summary.value
    assert (events[-1].step, value.tag) == (5, "error")
    assert tf.make_ndarray(value.tensor) == 0.25
