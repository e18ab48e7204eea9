import keras
import numpy as np
import pytest

from genesis_keras.metrics import (
    LargestSlot,
    MaskEntropy,
    SlotCountError,
    UsedSlots,
    largest_slot,
    mask_entropy,
    used_slots,
)


def log_masks(shares):
    """Log masks `[1, K, 1, W, 1]` from one row of K shares a pixel."""
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(np.asarray(shares, np.float32)), -1e10)
    return logs.T[None, :, None, :, None]


def test_shares_are_those_of_the_largest_mask_at_each_pixel():
    pixels = [[0.6, 0.4, 0.0]] * 3 + [[0.1, 0.9, 0.0]]
    assert largest_slot(log_masks(pixels)).numpy() == [0.75]
    assert used_slots(log_masks(pixels)).numpy() == [2.0]


def test_a_slot_of_less_than_a_hundredth_is_not_used():
    pixels = [[1.0, 0.0]] * 199 + [[0.0, 1.0]]
    assert used_slots(log_masks(pixels)).numpy() == [1.0]
    assert used_slots(log_masks(pixels[97:])).numpy() == [1.0]
    assert used_slots(log_masks(pixels[100:])).numpy() == [2.0]


def test_entropy_is_0_for_hard_and_1_for_equal_masks():
    hard, equal = [[1.0, 0.0, 0.0]], [[1 / 3] * 3]
    assert mask_entropy(log_masks(hard)).numpy() == [0.0]
    assert mask_entropy(log_masks(equal)).numpy() == pytest.approx([1.0], abs=1e-6)
    # Half of the pixels with one bit of log2(3), the others with none.
    mixed = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    expected = 0.5 * np.log(2) / np.log(3)
    assert mask_entropy(log_masks(mixed)).numpy() == pytest.approx([expected], abs=1e-6)
    assert mask_entropy(log_masks([[1.0]])).numpy() == [0.0]


@pytest.mark.parametrize(
    ("metric", "score"),
    [(LargestSlot, largest_slot), (UsedSlots, used_slots), (MaskEntropy, mask_entropy)],
)
def test_keras_metrics_are_means_over_images(metric, score):
    # The first images do not use the first slot.
    masks = np.random.default_rng(0).dirichlet(np.full(3, 0.1), [6, 4, 5])
    masks[:3] = masks[:3] * [0.0, 1.0, 1.0] + [0.0, 1e-3, 0.0]
    masks /= masks.sum(axis=-1, keepdims=True)
    masks = np.log(np.maximum(masks, 1e-30)).transpose(0, 3, 1, 2)[..., None]
    kept = metric()
    for part in (masks[:4], masks[4:]):
        kept.update_state(part.astype("float32"))
    expected = score(masks.astype("float32")).numpy()
    assert expected.std() > 0
    np.testing.assert_allclose(kept.result(), expected.mean(), rtol=1e-5)
    twin = keras.metrics.deserialize(keras.metrics.serialize(kept))
    assert type(twin) is metric and twin.name == kept.name
    twin.update_state(masks.astype("float32"), sample_weight=[1, 0, 0, 0, 0, 3])
    weighted = (expected[0] + 3 * expected[5]) / 4
    np.testing.assert_allclose(twin.result(), weighted, rtol=1e-5)


def test_error_of_the_number_of_slots_as_a_keras_metric():
    metric = SlotCountError()
    labels = np.array([[[0, 1, 2]], [[0, 0, 1]], [[0, 0, 0]]])
    metric.update_state(labels[:2], [5, 2])  # 3 and 2 are right
    metric.update_state(labels[2:], [4])
    np.testing.assert_allclose(metric.result(), (2 + 0 + 3) / 3)
