import argparse
import contextlib

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import SlotAttentionModel
from genesis_keras.commands import scoring
from genesis_keras.data.shifts import shifted
from genesis_keras.evaluation import protocol as protocol_module
from genesis_keras.evaluation.generation import sample_batches
from genesis_keras.evaluation.groups import Run
from genesis_keras.evaluation.label_scores import SCORES
from genesis_keras.evaluation.pictures import edits_figure, run_figures
from genesis_keras.evaluation.protocol import Protocol, measure, score_run
from genesis_keras.evaluation.report import distance_text, shifts_text
from genesis_keras.evaluation.sample_distance import sample_distance
from genesis_keras.evaluation.segmentation import evaluate, sweep_thresholds
from genesis_keras.metrics.sliced_wasserstein import sliced_wasserstein_distance


class Images:
    """Four labelled images: one without an object, one with one, two with two."""

    dataset = "four"
    explaining_damage = contextlib.nullcontext

    def __init__(self, images):
        labels = np.zeros([4, 32, 32, 1], "int32")
        labels[1:, 4:14, 4:14] = 1
        labels[2:, 18:30, 10:30] = 2
        self.data = {"image": images, "segmentation": labels}

    def __call__(self, split, num_images):
        data = tf.data.Dataset.from_tensor_slices(self.data)
        return data.take(num_images).batch(2)


@pytest.mark.slow
def test_a_split_may_have_its_own_number_of_slots(make_model, images):
    protocol = Protocol(splits=("test", "test:6"), num_images=4, flexible_slots=True)
    model, data = make_model(), Images(images)
    found = measure(model, data, protocol)
    assert found["results"]["fixed"]["average_slots"] == 4.0
    assert found["other_splits"]["test:6"]["fixed"]["average_slots"] == 6.0
    assert found["results"]["fixed"] == evaluate(model, data("test", 4))
    objects = found["by_objects"]["test"]
    assert {n: scores["num_images"] for n, scores in objects.items()} == {
        "0": 1,
        "1": 1,
        "2": 2,
    }
    # Parts make the whole: the mean over images, weighted by their numbers.
    whole = sum(s["num_images"] * s["elbo"] for s in objects.values()) / 4
    assert whole == pytest.approx(found["results"]["fixed"]["elbo"], rel=1e-6)
    assert np.isnan(objects["0"]["masks/ari_fg"])


def test_baselines_of_each_split_and_who_is_above_them(images, monkeypatch):
    class Model:
        """One that is always right in m and never in pi."""

        image_size, num_slots, is_generative = 32, 2, False

    def scored(model, data, options, seed):
        right = {f"masks/{name}": np.full(4, 0.99) for name in SCORES}
        wrong = {f"object_masks/{name}": np.full(4, -0.5) for name in SCORES}
        objects = np.array([0.0, 1.0, 2.0, 2.0])
        return {**right, **wrong, "objects": objects, "error": np.ones(4)}

    monkeypatch.setattr(protocol_module, "score_images", scored)
    data = Images(images)
    found = measure(Model(), data, Protocol(splits=("test", "test:3"), num_images=4))
    assert found["above_baselines"] == {"masks": True, "object_masks": False}
    assert found["baselines"]["kmeans"]["num_slots"] == 2
    assert found["other_baselines"]["test:3"]["kmeans"]["num_slots"] == 3
    # The image with one object counts 1, those with two count 0.
    assert found["baselines"]["one_slot"]["ari_fg"] == pytest.approx(1 / 3)
    assert found["baselines"]["one_slot"]["ari_fg_two_or_more"] == 0.0
    without = measure(Model(), data, Protocol(num_images=4, baselines=False))
    assert not {"baselines", "above_baselines"} & without.keys()


def test_shifts_are_scored_beside_the_images(images, monkeypatch):
    class Model:
        image_size, num_slots, is_generative = 32, 2, False

    def scored(model, data, options, seed):
        seen = np.concatenate([batch["image"].numpy() for batch in data])
        names = ("masks/ari_fg", "masks/msc_fg", "object_masks/ari_fg")
        names += ("object_masks/msc_fg", "mse", "error")
        return dict.fromkeys(names, seen.mean(axis=(1, 2, 3)))

    def scored_sets(model, sets, *options):
        return {name: scored(model, data, *options) for name, data in sets.items()}

    monkeypatch.setattr(protocol_module, "score_images", scored)
    monkeypatch.setattr(protocol_module, "score_data_sets", scored_sets)
    data = Images(images)
    protocol = Protocol(num_images=4, shifts=("occlusion", "style"), seed=5)
    found = measure(Model(), data, protocol)
    assert list(found["shifts"]) == ["occlusion", "style"]
    for shift, scores in found["shifts"].items():
        batches = shifted(data("test", 4), shift, seed=5)
        expected = np.mean([batch["image"].numpy() for batch in batches])
        assert scores["mse"] == pytest.approx(expected, rel=1e-5)
    before, after = found["results"]["fixed"]["mse"], found["shifts"]["style"]["mse"]
    text = shifts_text(found["results"]["fixed"], found["shifts"])
    assert f"| {after:.3f} {after - before:+.3f} |" in text
    assert max(map(len, text.splitlines())) <= 100
    with pytest.raises(ValueError, match="shift must be one of.*'blur'"):
        measure(Model(), data, Protocol(shifts=("blur",)))
    with pytest.raises(ValueError, match="Unknown dataset='four'"):
        measure(Model(), data, Protocol(probe=True))


def test_samples_are_compared_with_the_images_of_the_split(make_model, images):
    model, data = make_model(), Images(images)
    found = sample_distance(model, lambda number: data("test", number), 2)
    assert found["num_samples"] == 2
    (batch,) = sample_batches(model, 2)
    samples = batch["reconstruction"].numpy()
    assert found["samples"] == sliced_wasserstein_distance(samples, images[:2])
    # The next two images are the comparison, where there are so many.
    assert found["images"] == sliced_wasserstein_distance(images[2:], images[:2])
    draws = model.fixed_draws(2, seed=[0, 0])
    decoded = model(images[2:], **draws)["reconstruction"].numpy()
    expected = sliced_wasserstein_distance(decoded, images[:2])
    assert found["reconstructions"] == pytest.approx(expected, rel=1e-3)
    text = distance_text(found)
    for name in ("samples", "reconstructions"):
        assert f"| {found[name]['mean']:.1f} |" in text
    assert "| sliced Wasserstein distance | 32 px" in text
    assert max(map(len, text.splitlines())) <= 100
    found = sample_distance(model, lambda number: data("test", number), 3)
    assert found["num_samples"] == 3
    assert found["images"] is None and found["reconstructions"] is None
    assert "other images" not in distance_text(found)


@pytest.mark.parametrize(
    ("dataset", "threshold"),
    [
        ("objects_room", 70.0),  # the paper's
        ("shapestacks/default", 20.0),
        ("shapestacks/rendered", 40.0),
        ("sprites/hard", 20.0),
        ("four", 20.0),
        (None, 20.0),
    ],
)
def test_the_threshold_is_that_of_the_data_set(dataset, threshold):
    assert Protocol().for_dataset(dataset).min_mask_pixels == threshold
    given = Protocol(min_mask_pixels=5.0)
    assert given.for_dataset(dataset).min_mask_pixels == 5.0


def test_flexible_slots_are_evaluated_with_the_threshold_of_the_data_set(
    images, monkeypatch
):
    class Model:
        image_size, num_slots, is_generative = 32, 3, False
        has_flexible_slots = True

    asked = []

    def scored(model, data, options, seed):
        asked.append(options.get("min_mask_pixels"))
        return {"error": np.ones(4)}

    monkeypatch.setattr(protocol_module, "score_images", scored)
    data = Images(images)
    data.dataset = "shapestacks/rendered"
    found = measure(Model(), data, Protocol(num_images=4, flexible_slots=True))
    assert asked == [None, 40.0] and found["min_mask_pixels"] == 40.0
    assert "min_mask_pixels" not in measure(Model(), data, Protocol(num_images=4))


def test_pictures_have_the_threshold_of_the_scores(tmp_path, images, monkeypatch):
    drawn = []

    class Model:
        num_slots, is_generative, has_flexible_slots = 3, False, True

    data = Images(images)
    data.dataset = "shapestacks/rendered"
    data.first = lambda split, num_images: {}
    monkeypatch.setattr(scoring, "_single", lambda options: (tmp_path, Model(), data))
    monkeypatch.setattr(scoring, "measure", lambda *arguments: {})
    monkeypatch.setattr(scoring, "scores_text", str)
    monkeypatch.setattr(
        scoring, "run_figures", lambda *given: drawn.append(given[2]) or {}
    )
    options = argparse.Namespace(flexible_slots=True, num_samples=None, pdf=False)
    scoring.score(options, Protocol(flexible_slots=True), None)
    assert [protocol.min_mask_pixels for protocol in drawn] == [40.0]


@pytest.mark.slow
def test_sweep_is_what_each_threshold_gives_alone(make_model, images):
    model, data = make_model(num_slots=6), Images(images)("test", 4)
    sweep = sweep_thresholds(model, data, [0.0, 150.0, 1e4])
    alone = evaluate(model, data, flexible_slots=True, min_mask_pixels=150.0)
    assert sweep[1] == {"min_mask_pixels": 150.0, **alone}
    slots = [scores["average_slots"] for scores in sweep]
    assert slots[0] == 6.0 and slots[2] == 1.0 and slots == sorted(slots)[::-1]


def test_a_run_that_cannot_be_scored_keeps_its_error(images):
    def load(path):
        raise ValueError(f"{path} is damaged")

    run = score_run(Run("a", {}, "a.keras"), load, Images(images), Protocol())
    assert run.error == "a.keras is damaged" and run.results == {}


def test_pictures_of_every_kind_of_model(make_model, images):
    batch = {name: tf.constant(v) for name, v in Images(images).data.items()}
    figures = run_figures(make_model(), batch, Protocol(), num_samples=9)
    assert set(figures) == {"panel", "segmentation", "samples", "build_up", "edits"}
    for picture in figures.values():
        assert picture.dtype == np.uint8 and picture.ndim == 3
    # Two rows of samples, 32 pixels three times as large, and lines.
    assert figures["samples"].shape[0] == 2 * (96 + 2) + 2
    model = SlotAttentionModel(32, 2, num_iterations=1)
    assert set(run_figures(model, batch, Protocol())) == {"panel", "segmentation"}
    with pytest.raises(ValueError, match="at least 2 to swap; got 1"):
        edits_figure({"genesis_v2": make_model()}, images[:1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"splits": ("test", "test")}, "split must name different splits"),
        ({"splits": ()}, "split must name different splits"),
        ({"splits": ("test:0",)}, r"K must be positive; got 0 \('test:0'\)"),
        ({"num_images": 0}, "num_images must be positive; got 0"),
    ],
)
def test_bad_protocols_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Protocol(**settings)


def test_tfds_notation_is_no_number_of_slots():
    assert Protocol(num_slots=5).parse("test[:10%]") == ("test[:10%]", 5)
    assert Protocol().parse("test[:10%]:7") == ("test[:10%]", 7)
