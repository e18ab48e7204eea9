import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.background import border_shares, merge_background
from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.layers.stick_breaking import LOG_ZERO

SIDE = 8
# Sky above, a wall, a floor of which an object covers 3 x 2 pixels at the left border.
SKY, WALL, FLOOR, OBJECT = range(4)
LABELS = np.full([SIDE, SIDE], FLOOR)
LABELS[:2], LABELS[2:4], LABELS[4:7, :2] = SKY, WALL, OBJECT
BORDER = 4 * SIDE - 4


def slots_of(orders, num_slots=5, used=5):
    """Slots whose masks are the regions, in the given order for each image."""
    masks = np.stack(
        [[LABELS == region for region in order] for order in orders]
    ).astype("float32")
    empty = np.zeros([len(orders), num_slots - masks.shape[1], SIDE, SIDE], "float32")
    masks = np.concatenate([masks, empty], axis=1)[..., None]
    log_masks = np.where(masks > 0, 0.0, LOG_ZERO).astype("float32")
    seeds = np.tile(np.arange(10, 10 + num_slots, dtype="int32"), [len(orders), 1])
    return {
        "masks": tf.constant(masks),
        "log_masks": tf.constant(log_masks),
        "num_slots": tf.fill([len(orders)], used),
        "seeds": tf.constant(seeds),
    }


def test_border_shares_by_hand():
    shares = border_shares(slots_of([[SKY, WALL, FLOOR, OBJECT]])["masks"])
    # Two rows of sky have 8 + 2 pixels at the border, two of wall 2 + 2, the object 3,
    # and the floor the rest.
    expected = np.array([[10, 4, 11, 3, 0]]) / BORDER
    np.testing.assert_allclose(shares, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 2), (2, 5), (5, 2)])
def test_border_of_a_narrow_image_is_all_of_it(shape):
    masks = tf.random.stateless_uniform([1, 2, *shape, 1], [0, 1])
    shares = border_shares(masks)
    np.testing.assert_allclose(shares, tf.reduce_mean(masks, [2, 3, 4]), rtol=1e-5)


def test_background_becomes_its_first_slot():
    orders = [[OBJECT, WALL, SKY, FLOOR], [FLOOR, OBJECT, SKY, WALL]]
    before = slots_of(orders)
    after = merge_background(before, 3.5 / BORDER)
    room = (LABELS != OBJECT).astype("float32")
    first = [[1 - room, room], [room, 1 - room]]
    np.testing.assert_array_equal(after["masks"][:, :2, ..., 0], first)
    np.testing.assert_array_equal(after["masks"][:, 2:], 0.0)
    np.testing.assert_array_equal(
        after["log_masks"], np.where(after["masks"] > 0, 0.0, LOG_ZERO)
    )
    np.testing.assert_array_equal(after["num_slots"], [3, 3])
    # Seeds of the object and of the first part of the background, in their order.
    np.testing.assert_array_equal(after["seeds"][:, :2], [[10, 11], [10, 11]])
    # An unused slot comes before those that were emptied.
    np.testing.assert_array_equal(after["seeds"][0], [10, 11, 14, 12, 13])


def test_masks_below_the_share_stay():
    slots = slots_of([[OBJECT, WALL, SKY, FLOOR]])
    for share, num_slots in ((1.0, 5), (10.5 / BORDER, 5), (9.5 / BORDER, 4)):
        after = merge_background(slots, share)
        assert int(after["num_slots"][0]) == num_slots, share
        if num_slots == 5:
            for name, value in slots.items():
                np.testing.assert_array_equal(after[name], value)


def test_gradients_are_those_of_a_sum():
    logits = tf.random.stateless_normal([2, 4, SIDE, SIDE, 1], [0, 0])
    weights = tf.random.stateless_normal([2, SIDE, SIDE, 1], [0, 1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        log_masks = tf.nn.log_softmax(logits, axis=1)
        slots = {
            "masks": tf.exp(log_masks),
            "log_masks": log_masks,
            "num_slots": tf.fill([2], 4),
            "seeds": tf.zeros([2, 4], "int32"),
        }
        merged = merge_background(slots, 0.01)  # all four
        whole = tf.reduce_sum(weights * merged["log_masks"][:, 0])
        part = tf.reduce_sum(weights * tf.reduce_logsumexp(log_masks, axis=1))
        mass = tf.reduce_sum(weights * merged["masks"][:, 0])
        sums = tf.reduce_sum(weights * tf.reduce_sum(slots["masks"], axis=1))
    np.testing.assert_array_equal(merged["num_slots"], [1, 1])
    for ours, theirs in ((whole, part), (mass, sums)):
        ours = tape.gradient(ours, logits)
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, tape.gradient(theirs, logits), atol=1e-6)


@pytest.mark.parametrize("normalization", ["stick_breaking", "softmax"])
@pytest.mark.parametrize("hard_masks", [False, True])
def test_colouring_has_one_background(hard_masks, normalization):
    embeddings = tf.constant(10.0 * LABELS[None, ..., None], "float32")
    embeddings = tf.repeat(tf.repeat(embeddings, 4, axis=1), 4, axis=2)  # 32 x 32
    scores = tf.random.stateless_uniform([1, 32, 32], [0, 1])
    arguments = {
        "num_slots": 6,
        "hard_masks": hard_masks,
        "normalization": normalization,
        "drop_small_remainder": True,
    }
    layer = InstanceColouring(**arguments, background_share=0.12)
    flexible = layer(embeddings, flexible_slots=True, seed_scores=scores)
    assert int(flexible["num_slots"][0]) == 2
    object_pixels = np.repeat(np.repeat(LABELS == OBJECT, 4, axis=0), 4, axis=1)
    labels = np.argmax(flexible["masks"][0, ..., 0], axis=0)
    assert set(labels[object_pixels]).isdisjoint(labels[~object_pixels])
    # With a fixed number of slots all are in use, so that the prior learns how many.
    fixed = layer(embeddings, seed_scores=scores)
    assert int(fixed["num_slots"][0]) == 6
    np.testing.assert_array_equal(fixed["masks"][0, 4:], 0.0)
    np.testing.assert_allclose(tf.reduce_sum(fixed["masks"], axis=1), 1.0, atol=1e-6)
    plain = InstanceColouring(**arguments)(
        embeddings, flexible_slots=True, seed_scores=scores
    )
    assert int(plain["num_slots"][0]) == 4


@pytest.mark.parametrize("value", [-0.1, 1.5, "much"])
def test_a_wrong_share_is_named(value):
    with pytest.raises(ValueError, match=f"background_share.*{value}"):
        InstanceColouring(4, background_share=value)
