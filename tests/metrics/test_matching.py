"""Matched IoU, recovery and ignored boundaries against SciPy and hand-made numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

from genesis_keras.metrics import (
    AdjustedRandIndex,
    MeanMatchedIoU,
    ObjectRecovery,
    adjusted_rand_index,
    ignore_boundaries,
    matched_iou,
    maximum_assignment,
    mean_best_overlap,
    object_recovery,
    segmentation_covering,
)


def labels(rng, batch=6, size=8, num_true=5, num_predicted=7):
    """True labels, and predictions that copy a permutation of them now and then."""
    true = rng.integers(-1, num_true, (batch, size, size))
    copied = rng.permutation(num_predicted)[np.maximum(true, 0)]
    other = rng.integers(0, num_predicted, true.shape)
    return true, np.where(rng.random(true.shape) < 0.6, copied, other)


def slow_iou(true, predicted, foreground_only):
    """IoU of the segments of one image: `[T, P]`."""
    keep = (true >= 0) & (predicted >= 0)
    segments = [t for t in np.unique(true[keep]) if t > 0 or not foreground_only]
    return np.array(
        [
            [
                (keep & (true == t) & (predicted == p)).sum()
                / (keep & ((true == t) | (predicted == p))).sum()
                for p in np.unique(predicted[keep])
            ]
            for t in segments
        ]
    )


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3), (1, 5), (5, 1)])
def test_assignment_has_the_total_of_scipy(shape):
    rng = np.random.default_rng(0)
    weights = rng.random((20, *shape))
    weights[10:] = np.round(3 * weights[10:]) / 3  # many ties, and zeros
    columns = maximum_assignment(weights).numpy()
    for problem, found in zip(weights, columns, strict=True):
        assert len(set(found)) == len(found)  # no column twice
        padded = np.pad(problem, [(0, 0), (0, shape[0])])
        total = padded[np.arange(shape[0]), found].sum()
        rows, best = linear_sum_assignment(problem, maximize=True)
        assert total == pytest.approx(problem[rows, best].sum(), abs=1e-12)


@pytest.mark.parametrize("foreground_only", [False, True])
@pytest.mark.parametrize("num_predicted", [3, 7])
def test_matched_iou_is_that_of_scipys_assignment(foreground_only, num_predicted):
    true, predicted = labels(np.random.default_rng(1), num_predicted=7)
    predicted %= num_predicted
    expected = []
    for t, p in zip(true, predicted, strict=True):
        iou = slow_iou(t, p, foreground_only)
        expected.append(iou[linear_sum_assignment(iou, maximize=True)].sum() / len(iou))
    flags = {"foreground_only": foreground_only}
    found = matched_iou(true, predicted, **flags)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    covering = segmentation_covering(true, predicted, **flags)
    assert np.all(found <= covering + 1e-12)


def test_assignment_under_xla():
    weights = np.random.default_rng(2).random((4, 3, 2))
    compiled = tf.function(maximum_assignment, jit_compile=True)
    np.testing.assert_array_equal(compiled(weights), maximum_assignment(weights))


def test_two_objects_in_one_segment_by_hand():
    # Object 1 has four pixels, object 2 two; segment 0 holds both and two of the
    # background; segment 1 is the rest of the background.
    true = np.array([[[1, 1, 1, 1, 2, 2, 0, 0, 0, 0]]])
    predicted = np.array([[[0, 0, 0, 0, 0, 0, 0, 0, 1, 1]]])
    assert matched_iou(true, predicted, foreground_only=True) == [4 / 8 / 2]
    assert matched_iou(true, predicted) == [(4 / 8 + 2 / 4) / 3]
    assert mean_best_overlap(true, predicted) == [(4 / 8 + 2 / 8) / 2]
    # An IoU of 0.5 is not above 0.5.
    assert object_recovery(true, predicted) == [0.0]
    assert object_recovery(true, predicted, threshold=0.4) == [0.5]
    assert object_recovery(true, true) == [1.0]


def test_images_without_objects_are_nan():
    empty = np.zeros((1, 4, 4), int)
    assert np.isnan(matched_iou(empty, empty, foreground_only=True))
    assert np.isnan(object_recovery(empty, empty))
    assert matched_iou(empty, empty) == [1.0]


def test_boundaries_are_ignored_on_both_sides():
    true = np.zeros((1, 6, 7), "uint8")
    true[0, 1:, 2:6] = 200
    found = ignore_boundaries(true).numpy()[0]
    np.testing.assert_array_equal(
        found,
        [
            [0, -1, -1, -1, -1, -1, -1],
            [0, -1, -1, -1, -1, -1, -1],
            [0, -1, -1, 200, 200, -1, -1],
            [0, -1, -1, 200, 200, -1, -1],
            [0, -1, -1, 200, 200, -1, -1],
            [0, -1, -1, 200, 200, -1, -1],
        ],
    )
    np.testing.assert_array_equal(ignore_boundaries(true, 0), true)
    # The object is two pixels away from its own inside: nothing of it is left.
    assert not np.any(ignore_boundaries(true[..., None], 2).numpy() == 200)
    assert ignore_boundaries(true.astype("int64") * 2**40).numpy().max() == 200 * 2**40


def test_a_stray_pixel_at_the_edge_costs_nothing_without_boundaries():
    true = np.zeros((1, 8, 8), int)
    true[0, 2:7, 2:7] = 1
    predicted = true.copy()
    predicted[0, 2, 2] = 2
    assert adjusted_rand_index(true, predicted, foreground_only=True) == [0.0]
    metric = AdjustedRandIndex(True, from_masks=False, boundary_width=1)
    metric.update_state(true, predicted)
    assert float(metric.result()) == 1.0
    predicted[0, 4, 4] = 2  # but inside the object it does
    metric.update_state(true, predicted)
    assert float(metric.result()) == 0.5
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(metric)
    )
    assert copy.boundary_width == 1


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        (MeanMatchedIoU(True, from_masks=False), matched_iou),
        (ObjectRecovery(0.2, from_masks=False), object_recovery),
    ],
)
def test_metric_is_the_mean_of_the_images(metric, score):
    options = {"foreground_only": True} if score is matched_iou else {"threshold": 0.2}
    scores = []
    for seed, batch in enumerate((3, 1)):
        true, predicted = labels(np.random.default_rng(seed), batch)
        true[0] = 0
        metric.update_state(true, predicted)
        scores.append(score(true, predicted, **options))
    expected = np.nanmean(np.concatenate(scores))
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    assert metric.images_left_out == 2
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(metric)
    )
    assert copy.get_config() == metric.get_config()


def test_bad_arguments_are_named():
    some = np.zeros((1, 4, 4), int)
    with pytest.raises(ValueError, match=r"threshold must be in \[0, 1\).*1.0"):
        object_recovery(some, some, threshold=1.0)
    with pytest.raises(ValueError, match="width must be an int of at least 0.*-1"):
        ignore_boundaries(some, -1)
    with pytest.raises(ValueError, match="true_labels must be integers.*float"):
        ignore_boundaries(some.astype("float32"))
    with pytest.raises(ValueError, match=r"weights must be .*\(4, 4\)"):
        maximum_assignment(np.zeros((4, 4)))
