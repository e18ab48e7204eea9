"""Model files of other classes, or with invalid weights."""

import json
import zipfile

import keras
import numpy as np
import pytest

from genesis_keras import SlotAttentionModel
from genesis_keras.export.portable import write_portable
from genesis_keras.export.saved_model import write_saved_model
from genesis_keras.training.checkpoints import load_model, save_model


@pytest.fixture(scope="module")
def model():
    return SlotAttentionModel(
        16, num_slots=2, num_iterations=1, slot_dim=8, filters=8, seed=0
    )


def test_a_model_of_other_kind_is_named(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.layers.Input([3]), keras.layers.Dense(2)]).save(path)
    message = "other.keras' holds a Sequential, .*: genesis, genesis_v2, monet, slot"
    with pytest.raises(ValueError, match=message):
        load_model(path)


@pytest.mark.parametrize("name", ["genesis_keras>Genesis9", "theirs>Net", None])
def test_a_class_that_is_unknown_is_named(model, tmp_path, name):
    path = tmp_path / "x.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config.update(registered_name=name, class_name="Genesis9")
    members["config.json"] = json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    with pytest.raises(
        ValueError, match=f"holds a {name or 'Genesis9'}, which is none"
    ):
        load_model(path)


def test_weights_that_are_not_finite_are_not_used(model, tmp_path):
    weight = model.decoder_output.bias
    before = weight.numpy()
    model.save(tmp_path / "right.keras")
    try:
        weight.assign([0.0, np.nan, np.inf, 0.0])
        model.save(tmp_path / "wrong.keras")  # Keras itself does not look
        named = r"decoder_output/bias is not finite \(2 of 4 values"
        with pytest.raises(ValueError, match=f"wrong.keras' cannot be used: .*{named}"):
            load_model(tmp_path / "wrong.keras")
        with pytest.raises(ValueError, match=f"not saved: .*{named}"):
            save_model(model, tmp_path / "again.keras")
        with pytest.raises(ValueError, match=f"not exported to .*1': .*{named}"):
            write_saved_model(model, tmp_path / "1")
        for module in ("tf2onnx", "onnx"):
            pytest.importorskip(module)
        with pytest.raises(ValueError, match=f"not exported to .*onnx': .*{named}"):
            write_portable(model, tmp_path / "a.onnx", "onnx")
    finally:
        weight.assign(before)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"right.keras", "wrong.keras"}
    loaded = load_model(tmp_path / "right.keras")
    np.testing.assert_array_equal(loaded.decoder_output.bias, before)


@pytest.mark.parametrize("folder", ["export[v2]", "[1]", "a\\b"])
def test_a_saved_model_is_not_written_where_tensorflow_cannot_read(
    model, tmp_path, folder
):
    path = tmp_path / folder / "1"
    with pytest.raises(ValueError, match="path must have neither brackets nor back"):
        model.save(path)
    assert not path.parent.exists()


def test_classes_that_are_not_known_are_not_called_damage(tmp_path):
    class Own(keras.optimizers.SGD):
        """An optimiser that the user did not register with Keras."""

    model = SlotAttentionModel(
        16, num_slots=2, num_iterations=1, slot_dim=8, filters=8, seed=0
    )
    model.compile(Own(0.1))
    model.optimizer.build(model.trainable_variables)
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(ValueError, match=r"model\.keras' needs class 'Own', which is"):
        load_model(path)
