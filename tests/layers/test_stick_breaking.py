import numpy as np
import tensorflow as tf

from genesis_keras.layers.stick_breaking import (
    break_stick,
    break_stick_by_logit,
    masks_from_logits,
)


def test_masks_from_logits_by_hand():
    """Shares 0.5 and 0.8 of two steps; the third step does not happen."""
    logits = np.log([[0.5 / 0.5, 0.8 / 0.2, 0.9 / 0.1]])[..., None]
    masks = np.exp(masks_from_logits(tf.constant(logits)))
    np.testing.assert_allclose(masks[0, :, 0], [0.5, 0.4, 0.1], rtol=1e-6)


def test_the_last_two_steps_become_the_scope():
    """All K + 1 masks that K logits make, the last two added up."""
    logits = np.random.default_rng(0).normal(size=[2, 5, 3, 3, 1])
    scope, masks = np.ones([2, 3, 3, 1]), []
    for k in range(5):
        share = 1.0 / (1.0 + np.exp(-logits[:, k]))
        masks.append(scope * share)
        scope = scope * (1.0 - share)
    masks = [*masks[:-1], masks[-1] + scope]
    log_masks = masks_from_logits(tf.constant(logits))
    np.testing.assert_allclose(np.exp(log_masks), np.stack(masks, axis=1), rtol=1e-6)
    np.testing.assert_allclose(np.exp(log_masks).sum(axis=1), 1.0, rtol=1e-6)


def test_extreme_logits_stay_finite():
    logits = tf.constant([[[300.0], [-300.0], [0.0], [0.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        log_masks = masks_from_logits(logits)
        total = tf.reduce_sum(log_masks)
    assert np.isfinite(log_masks).all()
    assert np.isfinite(tape.gradient(total, logits)).all()
    half = -300.0 - np.log(2.0)
    np.testing.assert_allclose(log_masks[0, :, 0], [0, -600, half, half], rtol=1e-6)


def test_one_slot_is_the_whole_image():
    np.testing.assert_array_equal(masks_from_logits(tf.fill([2, 1, 3], 5.0)), 0.0)


def test_logit_is_the_logarithm_of_the_odds():
    log_scope = tf.constant([-0.5, -2.0])
    alpha = tf.constant([0.3, 0.9])
    expected = break_stick(log_scope, alpha)
    actual = break_stick_by_logit(log_scope, tf.math.log(alpha / (1 - alpha)))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
