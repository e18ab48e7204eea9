"""ARI and MSC against scikit-learn, slow NumPy and numbers worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import adjusted_rand_score

from genesis_keras.metrics import (
    AdjustedRandIndex,
    MeanSegmentationCovering,
    adjusted_rand_index,
    contingency_table,
    labels_from_masks,
    matched_iou,
    object_count,
    segmentation_covering,
    slot_count_error,
)

METRICS = [
    (AdjustedRandIndex, adjusted_rand_index),
    (MeanSegmentationCovering, segmentation_covering),
]


def slow_ari(true, predicted, foreground_only=False):
    scores = []
    for t, p in zip(true, predicted, strict=True):
        keep = (t >= 0) & (p >= 0) & ((t > 0) | (not foreground_only))
        scores.append(adjusted_rand_score(t[keep], p[keep]) if keep.any() else np.nan)
    return np.array(scores)


def slow_msc(true, predicted, foreground_only=False):
    scores = []
    for t, p in zip(true, predicted, strict=True):
        keep = (t >= 0) & (p >= 0)
        best = []
        for label in np.unique(t[keep]):
            if label == 0 and foreground_only:
                continue
            a = keep & (t == label)
            ious = []
            for segment in np.unique(p[keep]):
                b = keep & (p == segment)
                ious.append((a & b).sum() / (a | b).sum())
            best.append(max(ious))
        scores.append(np.mean(best) if best else np.nan)
    return np.array(scores)


def value(scores):
    """The only score, as a float."""
    return float(scores.numpy().item())


def random_labels(rng, batch=8, size=16, num_true=5, num_predicted=7, agree=0.5):
    """True labels, and predictions that copy a permutation of them now and then."""
    true = rng.integers(0, num_true, (batch, size, size))
    predicted = rng.integers(0, num_predicted, (batch, size, size))
    copied = rng.permutation(num_predicted)[true]
    return true, np.where(rng.random(true.shape) < agree, copied, predicted)


def degenerate_labels(rng):
    """Pairs [H, W] of labels at the corners of the definitions."""
    size = (8, 8)
    one, zero = np.ones(size, int), np.zeros(size, int)
    many = rng.integers(0, 4, size)
    singletons = np.arange(64).reshape(size)
    almost_one = zero.copy()
    almost_one[3, 5] = 1
    some_ignored = np.where(rng.random(size) < 0.3, -1, many)
    return {
        "one cluster each": (one, 3 * one),
        "background only": (zero, zero),
        "background only, many predicted": (zero, many),
        "one true cluster, many predicted": (one, many),
        "many true, one predicted": (many, zero),
        "singletons each": (singletons, singletons[::-1]),
        "true singletons, one predicted": (singletons, zero),
        "true singletons, many predicted": (singletons, many),
        "renamed": (many, np.array([9, 2, 0, 5])[many]),
        "one pixel apart": (almost_one, zero),
        "two single pixels": (almost_one, almost_one[::-1]),
        "slots left empty": (many, 6 * (many > 1)),
        "ignored on the true side": (some_ignored, many),
        "ignored on both sides": (some_ignored, np.where(many == 2, -1, many)),
        "everything ignored": (-one, many),
        "one pixel left": (np.where(singletons == 40, 1, -1), many),
    }


@pytest.mark.parametrize("foreground_only", [False, True])
@pytest.mark.parametrize("agree", [0.0, 0.5, 1.0])
def test_random_labels_agree_with_the_slow_versions(foreground_only, agree):
    true, predicted = random_labels(np.random.default_rng(0), agree=agree)
    true[0], true[1, :8], predicted[2, 4:] = 0, -1, -1
    flags = {"foreground_only": foreground_only}
    np.testing.assert_allclose(
        adjusted_rand_index(true, predicted, **flags),
        slow_ari(true, predicted, **flags),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        segmentation_covering(true, predicted, **flags),
        slow_msc(true, predicted, **flags),
        atol=1e-12,
    )


@pytest.mark.parametrize("foreground_only", [False, True])
@pytest.mark.parametrize("case", degenerate_labels(np.random.default_rng(0)))
def test_degenerate_labels_agree_with_the_slow_versions(case, foreground_only):
    true, predicted = degenerate_labels(np.random.default_rng(1))[case]
    true, predicted = true[None], predicted[None]
    flags = {"foreground_only": foreground_only}
    np.testing.assert_allclose(
        adjusted_rand_index(true, predicted, **flags),
        slow_ari(true, predicted, **flags),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        segmentation_covering(true, predicted, **flags),
        slow_msc(true, predicted, **flags),
        atol=1e-12,
    )


def test_large_images_agree_with_scikit_learn():
    rng = np.random.default_rng(2)
    true, predicted = random_labels(rng, 4, 128, num_true=10, num_predicted=10)
    true[1] = 1  # one cluster, less one pixel: the denominator nearly cancels
    true[1, 0, 0] = 2
    predicted[1] = true[1]
    predicted[1, 5, 5] = 3
    np.testing.assert_allclose(
        adjusted_rand_index(true, predicted), slow_ari(true, predicted), atol=1e-9
    )


def test_values_worked_out_by_hand():
    true = np.array([[[0, 0, 1, 1, 1, 2]]])
    predicted = np.array([[[0, 0, 0, 1, 1, 1]]])
    # Cells 2, 1, 2, 1 hold 2 pairs; rows 1 + 3 + 0 = 4, columns 3 + 3 = 6, all 15.
    # (2 - 24/15) / (5 - 24/15) = 2/17.
    assert value(adjusted_rand_index(true, predicted)) == pytest.approx(2 / 17)
    # Foreground: cells 1, 2, 1 hold 1; rows 3 + 0, columns 0 + 3, all 6.
    # (1 - 9/6) / (3 - 9/6) = -1/3.
    foreground = adjusted_rand_index(true, predicted, foreground_only=True)
    assert value(foreground) == pytest.approx(-1 / 3)
    # Best overlaps 2/3, 2/4 and 1/3.
    assert value(segmentation_covering(true, predicted)) == pytest.approx(0.5)
    covering = segmentation_covering(true, predicted, foreground_only=True)
    assert value(covering) == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_foreground_covering_keeps_predicted_pixels_on_background():
    true = np.array([[[0, 0, 1, 1]]])
    tight, wide = np.array([[[0, 0, 1, 1]]]), np.array([[[0, 1, 1, 1]]])
    flags = {"foreground_only": True}
    assert value(segmentation_covering(true, tight, **flags)) == pytest.approx(1.0)
    assert value(segmentation_covering(true, wide, **flags)) == pytest.approx(2 / 3)


def test_images_without_foreground_are_nan():
    true = np.zeros((2, 4, 4), int)
    true[1, 0] = 1
    for score in (adjusted_rand_index, segmentation_covering):
        values = score(true, true, foreground_only=True).numpy()
        assert np.isnan(values[0]) and values[1] == 1.0
        assert score(true, true).numpy().tolist() == [1.0, 1.0]
        empty = score(true, true, foreground_only=True, num_true=2).numpy()
        np.testing.assert_array_equal(empty, values)


def test_contingency_table_counts_pixels_and_drops_ignored():
    true = np.array([[[0, 1], [1, -1]], [[2, 2], [2, 2]]], np.int8)
    predicted = np.array([[[1, 0], [0, 0]], [[-5, 0], [1, 1]]], np.int64)
    table = contingency_table(true, predicted[..., None], num_true=3, num_predicted=2)
    expected = [[[0, 1], [2, 0], [0, 0]], [[0, 0], [0, 0], [1, 2]]]
    assert table.numpy().tolist() == expected
    assert contingency_table(true, predicted).numpy().tolist() == expected
    assert contingency_table(true[:0], predicted[:0], num_true=3).shape == (0, 3, 1)


def test_slot_count_error_counts_objects_and_one_background():
    true = np.zeros((3, 4, 4), np.uint8)
    true[1, 0, :3] = [1, 2, 5]
    ignored = true.astype(np.int32)
    ignored[2] = -1
    assert slot_count_error([1, 4, 3], true).numpy().tolist() == [0, 0, 2]
    error = slot_count_error([4, 2, 2], ignored[..., None], num_true=6)
    assert error.numpy().tolist() == [3, 2, 1]


def test_labels_from_masks_takes_the_largest_mask():
    masks = np.log([[[[0.1, 0.7]], [[0.6, 0.2]], [[0.3, 0.1]]]])[..., None]
    assert labels_from_masks(masks).numpy().tolist() == [[[1, 0]]]


@pytest.mark.parametrize("score", [adjusted_rand_index, segmentation_covering])
def test_graph_mode_with_unknown_shapes_equals_eager(score):
    spec = tf.TensorSpec([None, None, None, 1], tf.int32)
    graph = tf.function(score, input_signature=[spec, spec])
    rng = np.random.default_rng(3)
    for batch in (1, 5):
        true, predicted = random_labels(rng, batch, 8)
        np.testing.assert_array_equal(
            graph(true[..., None], predicted[..., None]), score(true, predicted)
        )


@pytest.mark.parametrize("score", [adjusted_rand_index, segmentation_covering])
def test_xla_equals_eager_when_the_numbers_are_given(score):
    @tf.function(jit_compile=True)
    def compiled(true, predicted):
        return score(true, predicted, num_true=5, num_predicted=7)

    true, predicted = random_labels(np.random.default_rng(4))
    true[0, 0] = -1
    np.testing.assert_allclose(
        compiled(true, predicted), score(true, predicted), atol=1e-12
    )


@pytest.mark.parametrize(("metric_class", "score"), METRICS)
@pytest.mark.parametrize("foreground_only", [False, True])
def test_metric_is_the_mean_over_all_batches(metric_class, score, foreground_only):
    rng = np.random.default_rng(5)
    metric = metric_class(foreground_only, from_masks=False)
    assert np.isnan(metric.result())
    scores = []
    for batch in (4, 1, 3):  # unequal: a mean of batch means would be another number
        true, predicted = random_labels(rng, batch, 8, agree=rng.random())
        true[0] = 0
        metric.update_state(true, predicted)
        scores.append(score(true, predicted, foreground_only=foreground_only))
    scores = np.concatenate(scores)
    left_out = 3 if foreground_only else 0
    assert float(metric.result()) == pytest.approx(np.nanmean(scores), abs=1e-6)
    assert metric.images_used == 8 - left_out
    assert metric.images_left_out == left_out
    metric.reset_state()
    assert metric.images_used == 0 and np.isnan(metric.result())


@pytest.mark.parametrize(("metric_class", "score"), METRICS)
def test_metric_weights_images(metric_class, score):
    true, predicted = random_labels(np.random.default_rng(6), 4, 8)
    metric = metric_class(from_masks=False)
    metric.update_state(true, predicted, sample_weight=[1, 2, 0, 0])
    expected = np.average(score(true, predicted), weights=[1, 2, 0, 0])
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    assert metric.images_used == 3


@pytest.mark.parametrize(("metric_class", "score"), METRICS)
def test_metric_takes_the_float_labels_of_a_distribution_strategy(metric_class, score):
    true, predicted = random_labels(np.random.default_rng(8), 2, 8)
    metric = metric_class(from_masks=False)
    metric.update_state(true.astype("float64"), predicted.astype("float32"))
    expected = np.mean(score(true, predicted))
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_metrics_in_model_evaluate(jit_compile):
    rng = np.random.default_rng(7)
    true, predicted = random_labels(rng, 10, 8, num_predicted=6)
    masks = np.moveaxis(np.eye(6, dtype="float32")[predicted], -1, 1)[..., None]
    inputs = keras.Input((6, 8, 8, 1))
    model = keras.Model(inputs, keras.layers.Rescaling(2.0)(inputs))
    options = {"num_true": 5}
    model.compile(
        metrics=[AdjustedRandIndex(**options), MeanSegmentationCovering(**options)],
        loss=lambda y_true, y_pred: tf.zeros(tf.shape(y_pred)[0]),
        jit_compile=jit_compile,
    )
    logs = model.evaluate(
        masks, true[..., None], batch_size=5, verbose=0, return_dict=True
    )
    expected = slow_ari(true, predicted).mean()
    assert logs["adjusted_rand_index"] == pytest.approx(expected, abs=1e-6)
    expected = slow_msc(true, predicted).mean()
    assert logs["mean_segmentation_covering"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("metric_class", "score"), METRICS)
def test_metric_config_round_trip(metric_class, score):
    metric = metric_class(True, False, 5, 7, name="fg", dtype="float64")
    config = metric.get_config()
    more = {"boundary_width": 0} if metric_class is AdjustedRandIndex else {}
    assert config == {
        **more,
        "foreground_only": True,
        "from_masks": False,
        "num_true": 5,
        "num_predicted": 7,
        "name": "fg",
        "dtype": "float64",
    }
    data = keras.saving.serialize_keras_object(metric)
    assert data["registered_name"] == f"genesis_keras>{metric_class.__name__}"
    copy = keras.saving.deserialize_keras_object(data)
    assert type(copy) is metric_class and copy.get_config() == config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0]], [[0]]), "true_labels must be integers"),
        ((np.zeros((1, 2, 2), int), np.zeros((1, 2, 2))), "predicted_labels must be i"),
        ((np.zeros((2, 2), int), np.zeros((2, 2), int)), "true_labels must have shape"),
        (
            (np.zeros((1, 2, 2, 1), int), np.zeros((1, 2, 2, 3), int)),
            "predicted_labels must have shape",
        ),
        ((np.zeros((2, 2, 2), int), np.zeros((1, 2, 2), int)), "same size"),
    ],
)
def test_bad_labels_are_named(arguments, message):
    for score in (adjusted_rand_index, segmentation_covering, contingency_table):
        with pytest.raises(ValueError, match=message):
            score(*arguments)


def test_other_bad_input_is_named():
    labels = np.full((1, 2, 2), 3)
    with pytest.raises(ValueError, match="num_true must be a positive int.*0"):
        contingency_table(labels, labels, num_true=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="below num_predicted"):
        contingency_table(labels, labels, num_predicted=3)
    with pytest.raises(ValueError, match=r"masks must have shape .*\(1, 2, 2\)"):
        labels_from_masks(np.zeros((1, 2, 2)))
    with pytest.raises(ValueError, match="masks must be floating point.*int64"):
        labels_from_masks(np.zeros((1, 2, 2, 2, 1), np.int64))
    with pytest.raises(ValueError, match="num_slots must be integers"):
        slot_count_error([2.0], labels)


def test_a_batch_of_another_size_does_not_broadcast():
    spec = tf.TensorSpec([None, 2, 2], tf.int32)
    graph = tf.function(adjusted_rand_index, input_signature=[spec, spec])
    with pytest.raises(tf.errors.InvalidArgumentError, match="same shape"):
        graph(np.zeros((1, 2, 2)), np.zeros((3, 2, 2)))


INTEGERS = [np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32)]
INTEGERS += [np.dtype("int64"), np.dtype("uint64")]


def ids(rng, dtype, count):
    """Different labels up to the largest of a type; 0 is the first."""
    largest = min(np.iinfo(dtype).max, 2**63 - 1)
    low = rng.choice(np.arange(1, largest // 2 if largest < 256 else 100), count - 2)
    chosen = [0, *low, largest]
    return np.array(chosen, dtype)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_ids_of_any_integer_type_score_as_small_ones(dtype):
    rng = np.random.default_rng(9)
    true, predicted = random_labels(rng, 3, 8, num_true=6, num_predicted=6)
    true_ids, predicted_ids = ids(rng, dtype, 6), ids(rng, dtype, 6)
    named = true_ids[true], rng.permutation(predicted_ids)[predicted]
    for foreground_only in (False, True):
        flags = {"foreground_only": foreground_only}
        # Two small ids may be drawn equal; the slow versions then join them too.
        signed = [labels.astype("int64") for labels in named]
        np.testing.assert_allclose(
            adjusted_rand_index(*named, **flags), slow_ari(*signed, **flags), atol=1e-12
        )
        np.testing.assert_allclose(
            segmentation_covering(*named, **flags),
            slow_msc(*signed, **flags),
            atol=1e-12,
        )
    counts = [len(np.setdiff1d(image, 0)) for image in named[0]]
    assert object_count(named[0]).numpy().tolist() == counts
    assert slot_count_error(np.full(3, 2**40), named[0]).numpy().tolist() == [
        2**40 - count - 1 for count in counts
    ]


def test_negative_ids_of_any_size_are_ignored():
    true = np.array([[[0, 2**40, 2**40, -(2**40)]]])
    predicted = np.array([[[5, 2**50, 2**50, 2**50]]])
    assert value(adjusted_rand_index(true, predicted)) == 1.0
    assert value(segmentation_covering(true, predicted)) == 1.0
    ignored = np.where(true == 2**40, np.iinfo("int64").min, true)
    assert object_count(ignored).numpy().tolist() == [0]


@pytest.mark.parametrize(("metric_class", "score"), METRICS)
@pytest.mark.parametrize("dtype", ["int64", "uint32", "float64"])
def test_metrics_take_ids_of_three_bytes_and_more(metric_class, score, dtype):
    rng = np.random.default_rng(10)
    true, predicted = random_labels(rng, 4, 8, num_true=6, num_predicted=6)
    many = rng.choice(2**32, 12, replace=False).astype(dtype)
    many[0] = 0
    metric = metric_class(True, from_masks=False)
    metric.update_state(many[true], many[6:][predicted])
    expected = np.nanmean(score(true, predicted, foreground_only=True))
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("score", [segmentation_covering, matched_iou])
def test_large_ids_in_a_graph(score):
    spec = tf.TensorSpec([None, None, None], tf.int64)
    graph = tf.function(score, input_signature=[spec, spec])
    true, predicted = random_labels(np.random.default_rng(11), 3, 8)
    np.testing.assert_array_equal(
        graph(true * 2**40, predicted * 40_000), score(true, predicted)
    )


def test_labels_that_cannot_be_counted_are_refused_by_name():
    labels = np.array([[[0, 40_000]]])
    for table in (contingency_table, tf.function(contingency_table)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="true_labels below.*"):
            table(labels, labels)
    with pytest.raises(tf.errors.InvalidArgumentError, match="40001"):
        contingency_table(labels, labels)
    largest = np.full((1, 1, 2), np.iinfo("int64").max)
    with pytest.raises(tf.errors.InvalidArgumentError, match="true_labels below"):
        contingency_table(largest, largest)
    pixels = np.arange(128 * 128).reshape(1, 128, 128)
    with pytest.raises(tf.errors.InvalidArgumentError, match="need more than"):
        adjusted_rand_index(pixels, pixels)
    with pytest.raises(tf.errors.InvalidArgumentError, match="true_labels must be bel"):
        adjusted_rand_index(largest.astype("uint64") + 1, largest)
    with pytest.raises(ValueError, match="num_true must be .* Received: 1099511627776"):
        contingency_table(labels, labels, num_true=2**40)
    metric = AdjustedRandIndex(from_masks=False)
    for wrong in (0.5, np.nan, 1e30):
        with pytest.raises(tf.errors.InvalidArgumentError, match="y_true must be whol"):
            metric.update_state(np.full((1, 1, 2), wrong), labels)
    assert np.isnan(metric.result())


def test_numbers_of_labels_may_be_numpy_integers():
    labels = np.array([[[0, 1]]])
    table = contingency_table(labels, labels, num_true=np.int64(2))
    assert table.numpy().tolist() == [[[1, 0], [0, 1]]]
    with pytest.raises(ValueError, match="num_true must be a positive int.*True"):
        contingency_table(labels, labels, num_true=True)
