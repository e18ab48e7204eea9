"""The SavedModel gives the same results as the model, and clear errors."""

import io
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from genesis_keras.export import batches
from genesis_keras.export.saved_model import write_saved_model
from genesis_keras.export.signatures import signatures

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "serving.md"
NAMES = {
    "serving_default",
    "segment_uint8",
    "segment_png",
    "reconstruct",
    "encode",
    "decode",
    "generate",
}


def expected(model, images, seed=0, **options):
    """Returns the outputs if all images have the random numbers of the first."""
    draws = {
        name: tf.repeat(draw, len(images), axis=0)
        for name, draw in model.fixed_draws(1, seed=seed).items()
    }
    outputs = model(images, training=False, **options, **draws)
    return {name: value.numpy() for name, value in outputs.items()}


def png(pixels, format="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=format)
    return file.getvalue()


def test_signatures(served):
    assert set(served.loaded.signatures) == NAMES
    for name, signature in signatures(served.model).items():
        specs = served.loaded.signatures[name].structured_input_signature[1]
        assert {s.name: (s.dtype, s.shape) for s in signature.inputs} == {
            key: (spec.dtype, spec.shape) for key, spec in specs.items()
        }
        outputs = served.loaded.signatures[name].structured_outputs
        assert signature.outputs.keys() == outputs.keys()


def test_table_of_the_guide_has_all_inputs_and_outputs(served):
    lines = PAGE.read_text().splitlines()
    for name, signature in signatures(served.model).items():
        (row,) = [line for line in lines if line.startswith(f"| `{name}` |")]
        options = {"seed", "min_mask_pixels"} if name != "generate" else set()
        names = {spec.name for spec in signature.inputs} - options
        assert all(f"`{x}`" in row for x in names | signature.outputs.keys())


def test_graph_has_defaults_and_no_python(served):
    content = (served.folder / "saved_model.pb").read_bytes()
    meta_graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    defaults = meta_graph.signature_def["serving_default"].defaults
    values = {key: tf.make_ndarray(value) for key, value in defaults.items()}
    assert values == {"seed": 0, "min_mask_pixels": 0.0}
    functions = meta_graph.graph_def.library.function
    nodes = [node for function in functions for node in function.node_def]
    operations = {node.op for node in nodes}
    assert not {name for name in operations if "PyFunc" in name}
    assert "Conv2D" in operations


def test_segment_without_threshold_uses_all_slots(served, pictures):
    outputs = served.call("serving_default", images=pictures, seed=3)
    masks = np.exp(expected(served.model, pictures, seed=3)["log_masks"])[..., 0]
    np.testing.assert_allclose(outputs["mask_probabilities"], masks, atol=1e-4)
    top = outputs["mask_probabilities"].argmax(axis=1)
    np.testing.assert_array_equal(outputs["label_map"], top)
    np.testing.assert_array_equal(outputs["num_slots"], [4, 4, 4])


def test_threshold_makes_slots_flexible(served, pictures):
    threshold = 400.0  # of 1,024 pixels
    want = expected(
        served.model, pictures, flexible_slots=True, min_mask_pixels=threshold
    )
    assert want["num_slots"].min() < 4
    outputs = served.call("serving_default", images=pictures, min_mask_pixels=threshold)
    np.testing.assert_array_equal(outputs["num_slots"], want["num_slots"])
    np.testing.assert_allclose(
        outputs["mask_probabilities"], np.exp(want["log_masks"])[..., 0], atol=1e-4
    )


def test_uint8_and_png_equal_floats(served, pictures):
    pixels = np.round(pictures * 255).astype("uint8")
    want = served.call("serving_default", images=pictures)
    of_bytes = served.call("segment_uint8", images=pixels)
    of_files = served.call("segment_png", encoded_images=[png(x) for x in pixels])
    np.testing.assert_array_equal(of_bytes["label_map"], want["label_map"])
    np.testing.assert_array_equal(of_files["label_map"], want["label_map"])


def test_encoded_images_of_any_size_lose_their_longer_sides(served, pictures):
    pixels = np.round(pictures[0] * 255).astype("uint8")
    wide = np.pad(pixels, [(0, 0), (10, 10), (0, 0)])
    twice = pixels.repeat(2, axis=0).repeat(2, axis=1)
    grey = png(np.full([50, 70], 128, np.uint8), "JPEG")
    outputs = served.call(
        "segment_png", encoded_images=[png(x) for x in (pixels, wide)]
    )
    np.testing.assert_array_equal(outputs["label_map"][0], outputs["label_map"][1])
    outputs = served.call("segment_png", encoded_images=[png(twice), grey])
    assert outputs["label_map"].shape == (2, 32, 32)


def test_answer_for_an_image_does_not_depend_on_the_others(served, pictures):
    together = served.call("encode", images=pictures)
    alone = served.call("encode", images=pictures[2:])
    np.testing.assert_allclose(together["latents"][2:], alone["latents"], atol=1e-4)
    again = served.call("encode", images=pictures)
    np.testing.assert_array_equal(together["latents"], again["latents"])
    other = served.call("encode", images=pictures, seed=1)
    assert np.abs(together["latents"] - other["latents"]).max() > 0.1


def test_decoded_latents_are_the_reconstruction(served, pictures):
    options = {"images": pictures, "min_mask_pixels": 400.0}
    latents = served.call("encode", **options)
    want = served.call("reconstruct", **options)
    decoded = served.call(
        "decode", latents=latents["latents"], num_slots=latents["num_slots"]
    )
    for name in ("reconstruction", "components", "object_masks"):
        np.testing.assert_allclose(decoded[name], want[name], atol=1e-4)
    np.testing.assert_allclose(want["object_masks"].sum(axis=1), 1.0, atol=1e-5)
    outputs = expected(served.model, pictures, flexible_slots=True, min_mask_pixels=400)
    np.testing.assert_allclose(
        want["reconstruction"], outputs["reconstruction"], atol=1e-4
    )


@pytest.mark.parametrize("num_slots", [1, 6])
def test_generate_takes_any_number_of_slots(served, num_slots):
    outputs = served.call("generate", num_images=3, num_slots=num_slots, seed=5)
    noise = served.model.fixed_draws(3, num_slots, seed=5)["noise"]
    want = served.model.sample(3, num_slots, noise=noise)
    for name in ("latents", "components", "reconstruction"):
        np.testing.assert_allclose(outputs[name], want[name], atol=1e-4)


def test_parts_of_a_batch_are_joined_in_order():
    def double(x):
        return {"y": 2 * x, "size": tf.fill(tf.shape(x)[:1], tf.shape(x)[0])}

    specs = {"y": tf.TensorSpec([None, 2]), "size": tf.TensorSpec([None], "int32")}
    x = tf.reshape(tf.range(14.0), [7, 2])
    joined = batches.map_parts(double, [x], 3, specs)
    np.testing.assert_array_equal(joined["y"], 2 * x)
    np.testing.assert_array_equal(joined["size"], [3, 3, 3, 3, 3, 3, 1])
    assert batches.part_size(64, 7) == 32
    assert batches.part_size(1024, 7) == 1


def test_largest_batch_is_answered_in_parts(served, pictures):
    assert batches.part_size(32, 4) < 256
    many = np.resize(pictures, [256, 32, 32, 3])
    outputs = served.call("serving_default", images=many)
    few = served.call("serving_default", images=pictures)
    for name, value in few.items():
        assert outputs[name].shape == (256, *value.shape[1:])
        repeated = np.resize(value, outputs[name].shape)
        np.testing.assert_allclose(outputs[name], repeated, atol=1e-4)


def wrong_images(value=0.5, shape=(2, 32, 32, 3)):
    images = np.full(shape, 0.5, "float32")
    images.flat[:1] = value
    return images


GOOD_PNG = png(np.arange(3 * 40 * 40, dtype=np.uint8).reshape(40, 40, 3))
HUGE_PNG = GOOD_PNG[:16] + b"\x00\x01\x00\x00" * 2 + GOOD_PNG[24:]  # 65536 x 65536


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("serving_default", {"images": wrong_images(1.5)}, r"in \[0, 1\]; got .*1.5"),
        ("serving_default", {"images": wrong_images(-2)}, r"in \[0, 1\]; got -2"),
        ("serving_default", {"images": wrong_images(np.nan)}, "must be finite floats"),
        ("encode", {"images": wrong_images(shape=(0, 32, 32, 3))}, "1 to 256; got 0"),
        (
            "segment_uint8",
            {"images": np.zeros([257, 32, 32, 3], "uint8")},
            "images must be a batch of 1 to 256; got 257",
        ),
        (
            "serving_default",
            {"images": wrong_images(), "min_mask_pixels": -1.0},
            "min_mask_pixels must be 0.0 to 1024.0; got -1",
        ),
        ("segment_png", {"encoded_images": [b"GIF89a"]}, "must be a PNG or JPEG file"),
        ("segment_png", {"encoded_images": [GOOD_PNG, b""]}, r"encoded_images\[1\]"),
        ("segment_png", {"encoded_images": [GOOD_PNG[:200]]}, "(?i)png"),
        ("segment_png", {"encoded_images": [HUGE_PNG]}, "got 65536 x 65536"),
        ("generate", {"num_slots": 0}, "num_slots must be 1 to 64; got 0"),
        ("generate", {"num_images": 0}, "num_images must be 1 to 256; got 0"),
        ("decode", {"latents": np.zeros([1, 0, 8])}, "K from 1 to 64; got"),
        ("decode", {"latents": np.full([1, 2, 8], np.inf)}, "latents must be finite"),
        (
            "decode",
            {"latents": np.zeros([2, 3, 8]), "num_slots": [3, 4]},
            "num_slots must be from 1 to K = 3; got",
        ),
    ],
)
def test_graph_names_and_quotes_what_is_wrong(served, signature, inputs, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served.call(signature, **inputs)


def test_existing_folder_is_kept(served):
    before = (served.folder / "saved_model.pb").stat()
    with pytest.raises(ValueError, match="there is already something at"):
        served.model.save(served.folder)
    assert (served.folder / "saved_model.pb").stat() == before


def test_failed_export_leaves_nothing(served, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="cannot write .*7.*disk full"):
        write_saved_model(served.model, tmp_path / "7")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="masks must be one of .* got 'hard'"):
        write_saved_model(served.model, tmp_path / "7", masks="hard")


def test_keras_files_stay_those_of_keras(served, tmp_path):
    served.model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").is_file()
