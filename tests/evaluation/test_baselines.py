"""Segmentations without learning, on pictures with known results."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.evaluation import baselines
from genesis_keras.evaluation.baselines import (
    baseline_scores,
    kmeans_clusters,
    not_above,
    strips,
    untrained_clusters,
)
from genesis_keras.evaluation.report import scores_text, split_text
from genesis_keras.metrics import adjusted_rand_index


@pytest.fixture
def scenes():
    """Four pictures of a red and a green square on blue, and their labels."""
    labels = np.zeros([4, 16, 16, 1], "int32")
    labels[:, 2:8, 1:6], labels[:, 7:14, 9:14] = 1, 2
    colours = np.array([[0, 0, 0.6], [0.9, 0.1, 0], [0, 0.8, 0.1]], "float32")
    images = colours[labels[..., 0]]
    noise = np.random.default_rng(0).normal(scale=0.01, size=images.shape)
    images = np.clip(images + noise, 0.0, 1.0).astype("float32")
    return {"image": images, "segmentation": labels}


def batches(scenes, size=2):
    return tf.data.Dataset.from_tensor_slices(scenes).batch(size)


def test_strips_have_the_same_width():
    found = strips((1, 2, 7), 3)
    np.testing.assert_array_equal(found[0], [[0, 0, 0, 1, 1, 2, 2]] * 2)


def test_clusters_of_colour_find_what_colour_tells(scenes):
    images, labels = scenes["image"], scenes["segmentation"]
    draws = np.random.default_rng(1).random(images.shape[:3])
    for found in (kmeans_clusters(images, 3), untrained_clusters(images, 3, draws)):
        np.testing.assert_allclose(adjusted_rand_index(labels, found), 1.0)
    one = kmeans_clusters(np.zeros([1, 8, 8, 3], "float32"), 1)
    assert not one.any()


def test_baselines_of_known_scenes(scenes):
    found = baseline_scores(batches(scenes), 3)
    assert list(found) == ["strips", "kmeans", "untrained_clusters", "one_slot"]
    # Two strips part the two squares, three cut them.
    assert found["strips"]["num_slots"] == 2
    assert found["strips"]["ari_fg"] == 1.0 and found["strips"]["msc_fg"] < 0.3
    assert found["kmeans"]["msc_fg"] == found["untrained_clusters"]["msc_fg"] == 1.0
    # All pixels in one segment: 30 and 35 of 256 pixels are objects.
    one = found["one_slot"]
    assert one["ari_fg"] == one["ari"] == one["recovery"] == 0.0
    assert one["msc_fg"] == pytest.approx((30 + 35) / 2 / 256)
    assert one["miou_fg_two_or_more"] == pytest.approx(35 / 2 / 256)


def test_results_are_kept_for_the_same_images_only(scenes, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = baseline_scores(batches(scenes), 2)
    # The size of batches changes nothing, nor does a damaged file.
    (file,) = (tmp_path / "genesis-keras" / "baselines").iterdir()
    file.write_text("{damaged")
    assert baseline_scores(batches(scenes, 3), 2) == first

    def fail(*_):
        raise RuntimeError("computed again")

    monkeypatch.setattr(baselines, "_compute", fail)
    assert baseline_scores(batches(scenes, 4), 2) == first
    with pytest.raises(RuntimeError, match="computed again"):
        baseline_scores(batches(scenes), 3)
    scenes["segmentation"] = scenes["segmentation"].copy()
    scenes["segmentation"][0, 0, 0] = 1
    with pytest.raises(RuntimeError, match="computed again"):
        baseline_scores(batches(scenes), 2)
    with pytest.raises(ValueError, match="no segmentation"):
        baseline_scores(batches({"image": scenes["image"]}), 2)


def test_a_cache_that_cannot_be_written_is_no_error(scenes, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert baseline_scores(batches(scenes), 2)["one_slot"]["num_slots"] == 1


def test_the_verdict_names_who_is_not_beaten(scenes):
    found = baseline_scores(batches(scenes), 3)
    names = ["ari_fg", "msc_fg", "miou_fg", "ari", "msc", "recovery"]
    names += ["ari_fg_tolerant", "ari_fg_two_or_more"]
    scores = {f"masks/{name}": 0.9 for name in names}
    scores |= {f"object_masks/{name}": 1.1 for name in names}
    scores |= {"average_slots": 3.0, "slots_mae": 0.0, "error": 1.0, "mse": 0.01}
    scores |= {"error_per_value": 1.0, "num_images": 4, "num_two_or_more": 4}
    # ARI-FG 0.9 is below that of two strips; both scores are above that of one slot.
    worse = ["strips", "kmeans", "untrained_clusters"]
    assert not_above(scores, found, "masks") == worse
    assert not_above(scores, found, "object_masks") == []
    text = split_text({"fixed": scores}, found)
    assert "m: no, not above strips, k-means, untrained clusters\n" in text
    assert "pi: yes\n" in text and "| 2 strips " in text
    assert max(map(len, text.splitlines())) <= 100
    modes = {"fixed": scores, "flexible": scores}
    results = {"results": modes, "other_splits": {"more": modes}, "by_objects": {}}
    text = scores_text({**results, "min_mask_pixels": 40.0})
    assert text.count("Flexible slots (stopping below 40 pixels): 3.00 on aver") == 2
    assert max(map(len, text.splitlines())) <= 100
