import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import adjusted_rand_score

from genesis_keras.evaluation.report import split_text
from genesis_keras.evaluation.segmentation import evaluate, score_images
from genesis_keras.storage import write_json


@pytest.fixture
def labelled(images):
    """Two batches of two images; the last image has no object."""
    labels = np.zeros([4, 32, 32, 1], "int32")
    labels[:3, 4:14, 4:14] = 1
    labels[:2, 18:30, 10:30] = 2
    data = {"image": images, "segmentation": labels}
    return tf.data.Dataset.from_tensor_slices(data).batch(2), labels


def test_scores_are_means_of_the_definitions(make_model, labelled):
    dataset, labels = labelled
    model = make_model()
    scores = evaluate(model, dataset, seed=3)
    ari, lower_bound = [], []
    for index, batch in enumerate(dataset):
        draws = model.fixed_draws(2, seed=tf.stack([3, index]))
        outputs = model(batch["image"], **draws)
        predicted = np.argmax(outputs["log_object_masks"][..., 0], axis=1)
        lower_bound += list(outputs["elbo"].numpy())
        for truth, prediction in zip(batch["segmentation"], predicted, strict=True):
            foreground = truth.numpy()[..., 0] > 0
            if foreground.any():
                truth = truth.numpy()[..., 0][foreground]
                ari.append(adjusted_rand_score(truth, prediction[foreground]))
    np.testing.assert_allclose(scores["object_masks/ari_fg"], np.mean(ari), atol=1e-6)
    np.testing.assert_allclose(scores["elbo"], np.mean(lower_bound), rtol=1e-4)
    assert scores["num_images"] == 4 and scores["num_without_foreground"] == 1
    assert scores["average_slots"] == 4.0
    # K = 4 against 2 + 1, 2 + 1, 1 + 1 and 0 + 1 slots.
    assert scores["slots_mae"] == (1 + 1 + 2 + 3) / 4


def test_scores_repeat_with_the_seed(make_model, labelled):
    dataset, _ = labelled
    model = make_model()
    first, again = evaluate(model, dataset), evaluate(model, dataset)
    other = evaluate(model, dataset, seed=1)
    assert first == again
    assert first["elbo"] != other["elbo"]


def test_flexible_slots_are_reported(make_model, labelled):
    dataset, _ = labelled
    scores = evaluate(
        make_model(num_slots=6), dataset, flexible_slots=True, min_mask_pixels=150.0
    )
    assert 1 <= scores["average_slots"] < 6


def test_without_labels_there_are_no_segmentation_scores(make_model, images):
    dataset = tf.data.Dataset.from_tensor_slices({"image": images}).batch(4)
    scores = evaluate(make_model(), dataset)
    assert "elbo" in scores and "masks/ari" not in scores
    assert "ELBO" in split_text({"fixed": scores})


def test_without_a_likelihood_errors_are_squared_and_the_elbo_is_left_out(labelled):
    from genesis_keras import SlotAttentionModel

    model, (dataset, _) = SlotAttentionModel(32, 3, num_iterations=1), labelled
    scores = evaluate(model, dataset)
    assert not {"elbo", "kl"} & scores.keys()
    squared = []
    for index, batch in enumerate(dataset):
        draws = model.fixed_draws(2, seed=tf.stack([0, index]))
        reconstruction = model(batch["image"], **draws)["reconstruction"]
        squared.append(np.mean((batch["image"] - reconstruction) ** 2))
    np.testing.assert_allclose(scores["error_per_value"], np.mean(squared), rtol=1e-4)
    report = split_text({"fixed": scores})
    assert "ELBO -, KL - (no likelihood)" in report
    assert "nats" not in report


def test_empty_data_set_is_an_error(make_model, images):
    dataset = tf.data.Dataset.from_tensor_slices({"image": images}).batch(4).take(0)
    with pytest.raises(ValueError, match="empty"):
        evaluate(make_model(), dataset)


def test_report_shows_the_scores(make_model, labelled, tmp_path):
    scores = evaluate(make_model(), labelled[0])
    results = {"fixed": scores, "flexible": scores}
    lines = split_text(results).splitlines()
    assert max(map(len, lines)) <= 100
    rows = [line for line in lines if line.startswith(("| attention", "| object"))]
    assert len(rows) == 4
    cells = [cell.strip() for cell in rows[0].split("|")]
    assert cells[1:3] == ["attention masks m", f"{scores['masks/ari_fg']:.3f}"]
    write_json(tmp_path / "metrics.json", results)
    assert json.loads((tmp_path / "metrics.json").read_text()) == results


def test_scores_of_images_with_two_objects_or_more(make_model, labelled):
    dataset, _ = labelled
    model = make_model()
    columns = score_images(model, dataset, {"num_slots": 4})
    scores = evaluate(model, dataset)
    assert scores["num_two_or_more"] == 2
    for name in ("ari_fg", "miou", "recovery"):
        values = columns[f"object_masks/{name}"]
        assert scores[f"object_masks/{name}_two_or_more"] == pytest.approx(
            values[:2].mean()
        )
        assert scores[f"object_masks/{name}"] == pytest.approx(np.nanmean(values))


def test_squared_error_of_the_reconstruction(make_model, labelled):
    dataset, _ = labelled
    model = make_model()
    squared = []
    for index, batch in enumerate(dataset):
        draws = model.fixed_draws(2, seed=tf.stack([0, index]))
        found = model(batch["image"], **draws)["reconstruction"]
        squared.append(np.mean((batch["image"] - found) ** 2))
    assert evaluate(model, dataset)["mse"] == pytest.approx(np.mean(squared), rel=1e-4)


def test_a_nan_elbo_shows_in_the_mean(make_model, labelled, monkeypatch):
    dataset, _ = labelled
    model = make_model()
    call = model.call

    def broken(images, **options):
        outputs = call(images, **options)
        first = tf.range(tf.shape(images)[0]) == 0
        return {**outputs, "elbo": tf.where(first, np.nan, outputs["elbo"])}

    monkeypatch.setattr(model, "call", broken)
    scores = evaluate(model, dataset)
    assert np.isnan(scores["elbo"])
    assert np.isfinite(scores["object_masks/ari_fg"])
