"""Property prediction: probes of known data, matching, and the table."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import GenesisV2
from genesis_keras.data import properties
from genesis_keras.data.properties import load_properties, properties_of
from genesis_keras.data.registry import SPECS
from genesis_keras.evaluation import probe as module
from genesis_keras.evaluation.images import ScoredImages
from genesis_keras.evaluation.probe import objects_of, probe, probe_scores
from genesis_keras.evaluation.protocol import Protocol
from genesis_keras.evaluation.report import probe_text
from genesis_keras.layers.stick_breaking import LOG_ZERO


def test_probes_find_what_is_there_and_no_more():
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(800, 4))
    parts = [(latents[:600], slice(0, 600)), (latents[600:], slice(600, 800))]

    def scores(values, kind):
        values = np.asarray(values, "float64").reshape(800, -1)
        return probe_scores(*[(x, values[rows]) for x, rows in parts], kind)

    linear = scores(latents @ rng.normal(size=(4, 2)) + 3.0, "value")
    assert linear["linear"] > 0.999 and linear["mlp"] > 0.9
    assert linear["chance"] == pytest.approx(0.0, abs=0.02)
    side = scores(latents[:, 0] > 0.0, "class")
    assert side["linear"] > 0.97 and 0.4 < side["chance"] < 0.6
    product = scores(latents[:, 0] * latents[:, 1] > 0.0, "class")
    assert product["linear"] < 0.65 < 0.8 < product["mlp"]  # not linear
    noise = scores(rng.normal(size=800), "value")
    assert noise["linear"] < 0.05
    constant = scores(np.stack([np.ones(800), latents[:, 1]], 1), "value")
    assert constant["linear"] > 0.999  # the constant column is left out
    assert np.isnan(list(scores(np.ones(800), "value").values())).all()
    assert np.isnan(scores(np.ones(800), "class")["linear"])


class Stub:
    """A model whose slots are vertical strips, and latents the slot's number."""

    seed = 0

    def check_slots(self, num_slots):
        return num_slots or 3

    def fixed_draws(self, num_images, num_slots, seed):
        return {}

    def __call__(self, images, num_slots):
        strip = tf.range(12) * num_slots // 12
        masks = tf.one_hot(
            tf.broadcast_to(strip, [tf.shape(images)[0], 12, 12]), num_slots
        )
        masks = tf.transpose(masks, [0, 3, 1, 2])[..., None]
        numbers = tf.range(num_slots, dtype="float32")[None, :, None]
        return {
            "log_masks": tf.where(masks > 0, 0.0, LOG_ZERO),
            "posterior_mean": tf.tile(numbers, [tf.shape(images)[0], 1, 2]),
        }


class Images:
    dataset = "objects_room/rendered"  # whose positions are found in the masks

    def __call__(self, split, num_images):
        labels = np.zeros([3, 12, 12, 1], "int32")
        labels[0, 2:6, 8:12], labels[0, :4, :4] = 1, 2
        labels[1, 6:10, 4:8] = 3
        images = np.zeros([3, 12, 12, 3], "float32")
        data = {"image": images, "segmentation": labels}
        return tf.data.Dataset.from_tensor_slices(data).batch(2)

    def properties(self, split, num_images):
        shape = np.arange(18).reshape(3, 6, 1)
        return {name: shape for name in ("shape", "color", "size")}


def test_objects_are_matched_by_their_masks(monkeypatch):
    monkeypatch.setattr(module, "_masks_of", lambda model: "masks")
    found = objects_of(Stub(), Images(), None, 0, "test", 3)
    # Object 1 of image 0 is in the last strip, object 2 in the first.
    np.testing.assert_array_equal(found["latents"][:, 0], [2, 0, 1])
    np.testing.assert_array_equal(found["shape"][:, 0], [0, 1, 8])
    expected = np.array([[4, 10], [2, 2], [8, 6]]) / 12
    np.testing.assert_allclose(found["position"], expected, atol=1e-6)


def test_objects_beyond_the_slots_are_left_out(monkeypatch):
    monkeypatch.setattr(module, "_masks_of", lambda model: "masks")
    found = objects_of(Stub(), Images(), 1, 0, "test", 3)
    assert len(found["latents"]) == 2  # one of image 0, one of image 1


def test_properties_are_features_of_the_data_sets():
    from genesis_keras.data.preparation import import_builder

    known = [name for name in SPECS if name in properties._DATASETS]
    known += [n for n, spec in SPECS.items() if spec.builder in properties._BUILDERS]
    assert len(known) == 14
    for name in known:
        spec = SPECS[name]
        features = (
            import_builder(spec.builder).Builder(config=spec.config).info.features
        )
        for item in properties_of(name).values():
            assert set(item.features) <= set(features)
    with pytest.raises(ValueError, match="dataset='apc' has no properties"):
        properties_of("apc")


@pytest.mark.slow
def test_probe_of_a_model_on_sprites(data_dir):
    images = ScoredImages("sprites/easy", 32, 32, str(data_dir))
    known = load_properties("sprites/easy", "test", 5, str(data_dir))
    assert {name: values.shape[2] for name, values in known.items()} == {
        "shape": 1,
        "color": 3,
        "size": 1,
        "position": 2,
    }
    model = GenesisV2(32, 4, 8, appearance_scale=3.0, pooled_statistics=True, seed=0)
    found = probe(model, images, Protocol(num_images=16))
    assert set(found["properties"]) == {"shape", "color", "size", "position"}
    position = found["properties"]["position"]
    # The model is untrained itself, and so is the one beside it.
    assert position["linear"] == pytest.approx(position["untrained_linear"], abs=0.2)
    text = probe_text(found)
    assert "| property | measure  | chance | linear |" in text
    assert max(map(len, text.splitlines())) <= 100
