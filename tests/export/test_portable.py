"""ONNX and LiteRT files segment like the model, in their own runtimes."""

import numpy as np
import pytest

from genesis_keras import Genesis, GenesisV2, Monet, SlotAttentionModel
from genesis_keras.export.portable import FixedSegmenter, write_portable

MODELS = [GenesisV2, Genesis, Monet, SlotAttentionModel]


def small(model_class):
    return model_class(image_size=32, num_slots=3, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("model_class", MODELS)
def test_onnx(model_class, pictures, tmp_path, capfd):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    model = small(model_class)
    path = tmp_path / "model.onnx"
    write_portable(model, path, "onnx")
    assert capfd.readouterr() == ("", "")
    session = onnxruntime.InferenceSession(str(path))
    for value in (*session.get_inputs(), *session.get_outputs()):
        assert value.shape[0] == "batch", value.name
    for batch in (pictures[:1], pictures):
        outputs = session.run(["label_map", "mask_probabilities"], {"images": batch})
        check(model, batch, *outputs)


@pytest.mark.slow
@pytest.mark.parametrize("model_class", MODELS)
def test_litert(model_class, pictures, tmp_path):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    model = small(model_class)
    path = tmp_path / "model.tflite"
    write_portable(model, path, "litert", batch_size=len(pictures))
    runner = litert.Interpreter(str(path)).get_signature_runner()
    outputs = runner(images=pictures)
    check(model, pictures, outputs["label_map"], outputs["mask_probabilities"])


def check(model, images, label_map, masks):
    want = FixedSegmenter(model, "attention", seed=0)(images)
    np.testing.assert_allclose(masks, want["mask_probabilities"], atol=1e-4)
    np.testing.assert_array_equal(label_map, masks.argmax(axis=1))


def test_wrong_arguments(make_model, tmp_path):
    model = make_model()
    with pytest.raises(ValueError, match="format must be one of .* got 'tensorrt'"):
        write_portable(model, tmp_path / "model.onnx", "tensorrt")
    with pytest.raises(ValueError, match="path must end in '.onnx'; got .*tflite"):
        write_portable(model, tmp_path / "model.tflite", "onnx")
    assert not list(tmp_path.iterdir())


def test_missing_package_is_named(make_model, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="'onnx' needs .*tf2onnx.*portable"):
        write_portable(make_model(), tmp_path / "model.onnx", "onnx")
