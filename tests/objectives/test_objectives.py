import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.objectives.elbo import elbo, weighted_loss
from genesis_keras.objectives.geco import GecoSettings, GecoState, geco_update
from genesis_keras.objectives.mask_consistency import mask_consistency
from genesis_keras.objectives.mask_entropy import mask_entropy
from genesis_keras.objectives.mask_guidance import mask_guidance
from genesis_keras.objectives.mask_objective import MaskObjective
from genesis_keras.objectives.mask_responsibility import (
    log_responsibilities,
    mask_responsibility,
)


def outputs():
    return {
        "reconstruction_error": tf.constant([10.0, 20.0]),
        "kl_latents": tf.constant([[1.0, 2.0], [3.0, 4.0]]),
        "kl_masks": tf.constant([5.0, 7.0]),
    }


def test_loss_weighs_both_kl_terms():
    assert float(weighted_loss(outputs(), 0.5)) == 15.0 + 0.5 * (8.0 + 14.0) / 2


def test_elbo_leaves_the_mask_term_out():
    terms = outputs()
    bound = elbo(terms["reconstruction_error"], terms["kl_latents"])
    np.testing.assert_array_equal(bound, [-13.0, -27.0])


def test_geco_by_hand():
    settings = GecoSettings(goal=100.0, step_size=0.01, speedup=10.0)
    beta, ema = geco_update(
        tf.constant(2.0),
        tf.constant(0.0),
        tf.constant(True),
        tf.constant(150.0),
        settings,
    )
    assert float(ema) == 150.0  # the first average is the first error
    np.testing.assert_allclose(beta, 2.0 * np.exp(0.01 * (100 - 150)), rtol=1e-6)
    beta, ema = geco_update(
        tf.constant(2.0),
        tf.constant(90.0),
        tf.constant(False),
        tf.constant(50.0),
        settings,
    )
    np.testing.assert_allclose(ema, 0.99 * 90 + 0.01 * 50, rtol=1e-6)
    speedy = 2.0 * np.exp(10 * 0.01 * (100 - ema))  # the goal is met: ten times faster
    np.testing.assert_allclose(beta, speedy, rtol=1e-5)


@pytest.mark.parametrize(("error", "limit"), [(1e9, 1e-10), (-1e9, 1e10)])
def test_geco_clamps_beta(error, limit):
    beta, _ = geco_update(
        tf.constant(1.0),
        tf.constant(0.0),
        tf.constant(True),
        tf.constant(error),
        GecoSettings(goal=0.0),
    )
    np.testing.assert_allclose(beta, limit, rtol=1e-6)


def test_no_gradient_flows_through_geco():
    error = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(error)
        beta, ema = geco_update(
            tf.constant(1.0),
            tf.constant(1.0),
            tf.constant(False),
            error,
            GecoSettings(1.0),
        )
    assert tape.gradient([beta, ema], error) is None


def test_state_goes_on_where_it_was():
    state = GecoState()
    state.attach(GecoSettings(goal=1.0, initial_beta=0.1))
    np.testing.assert_allclose(state.beta, 0.1)
    state.update(tf.constant(5.0))
    before = float(state.beta)
    state.attach(GecoSettings(goal=1.0, initial_beta=0.1))
    assert float(state.beta) == before != 0.1


def test_state_without_settings_keeps_beta():
    state = GecoState()
    state.update(tf.constant(5.0))
    assert float(state.beta) == 1.0 and int(state.num_updates) == 0


@pytest.mark.parametrize(
    "bad",
    [{"step_size": 0.0}, {"momentum": 1.0}, {"speedup": -1.0}, {"initial_beta": 0.0}],
)
def test_bad_geco_settings_are_named(bad):
    (name, value) = next(iter(bad.items()))
    with pytest.raises(ValueError, match=rf"{name}.*{value}"):
        GecoSettings(goal=1.0, **bad)


def test_mask_consistency_stops_gradients_through_object_masks():
    logits = tf.random.stateless_normal([2, 3, 4, 4, 1], [1, 2])
    others = tf.random.stateless_normal([2, 3, 4, 4, 1], [3, 4])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([logits, others])
        log_masks, log_object_masks = (
            tf.nn.log_softmax(x, axis=1) for x in (logits, others)
        )
        kl = mask_consistency(log_masks, log_object_masks)
    assert kl.shape == [2] and np.all(kl > 0)
    assert tape.gradient(kl, others) is None
    assert np.abs(tape.gradient(kl, logits)).max() > 0.01
    np.testing.assert_allclose(mask_consistency(log_masks, log_masks), 0.0, atol=1e-4)


def test_mask_guidance_by_hand_stops_gradients_through_attention_masks():
    masks = tf.constant([0.25, 0.75], shape=[1, 2, 1, 1, 1])
    object_masks = tf.constant([0.5, 0.5], shape=[1, 2, 1, 1, 1])
    log_masks, log_object_masks = tf.math.log(masks), tf.math.log(object_masks)
    with tf.GradientTape() as tape:
        tape.watch([log_masks, log_object_masks])
        kl = mask_guidance(log_masks, log_object_masks)
    by_hand = 0.25 * np.log(0.25 / 0.5) + 0.75 * np.log(0.75 / 0.5)
    np.testing.assert_allclose(kl, [by_hand], rtol=1e-4)
    gradients = tape.gradient(kl, [log_masks, log_object_masks])
    assert gradients[0] is None
    # More of the second mask, less of the first.
    assert gradients[1][0, 0, 0, 0, 0] > 0 > gradients[1][0, 1, 0, 0, 0]


def scene():
    """One pixel, two slots: the second is less likely a priori, and nearer."""
    return tf.fill([1, 1, 1, 3], 0.5), {
        "log_masks": tf.math.log(tf.constant([0.6, 0.4], shape=[1, 2, 1, 1, 1])),
        "log_object_masks": tf.math.log(tf.constant([0.8, 0.2], shape=[1, 2, 1, 1, 1])),
        "components": tf.constant([0.2] * 3 + [0.4] * 3, shape=[1, 2, 1, 1, 3]),
    }


def test_responsibilities_by_hand():
    images, outputs = scene()
    joint = np.array([0.8 * np.exp(-1.5 * 0.09 / 0.04), 0.2 * np.exp(-1.5 * 0.25)])
    by_hand = joint / joint.sum()
    found = log_responsibilities(
        images, outputs["log_object_masks"], outputs["components"], 0.2
    )
    np.testing.assert_allclose(np.exp(found).ravel(), by_hand, rtol=1e-5)
    entropy = -np.sum(by_hand * np.log([0.6, 0.4]))
    np.testing.assert_allclose(
        mask_responsibility(images, outputs, 0.2), [entropy], rtol=1e-3
    )


def test_responsibilities_move_attention_masks_alone():
    images, outputs = scene()
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        loss = mask_responsibility(images, outputs, 0.2)
    gradients = tape.gradient(loss, outputs)
    assert gradients["components"] is None and gradients["log_object_masks"] is None
    assert np.all(gradients["log_masks"] < 0)


def test_a_slot_not_used_costs_something_finite():
    images, outputs = scene()
    outputs["log_masks"] = tf.constant([0.0, -1e10], shape=[1, 2, 1, 1, 1])
    assert np.isfinite(mask_responsibility(images, outputs, 0.2)).all()


@pytest.mark.parametrize(
    ("step", "guidance", "responsibility"),
    [(0, 0.4, 0.0), (5, 0.3, 0.0), (10, 0.2, 0.0), (15, 0.2, 0.25), (99, 0.2, 0.5)],
)
def test_terms_follow_their_schedules(step, guidance, responsibility):
    objective = MaskObjective(
        mask_guidance=0.4,
        mask_guidance_steps=10,
        mask_guidance_final=0.2,
        mask_responsibility=0.5,
        mask_responsibility_start=10,
        mask_responsibility_steps=10,
    )
    images, outputs = scene()
    expected = guidance * mask_guidance(
        outputs["log_masks"], outputs["log_object_masks"]
    ) + responsibility * mask_responsibility(images, outputs, 0.2)
    found = objective.extra_loss(images, outputs, tf.constant(step), 0.2)
    np.testing.assert_allclose(found, expected[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["mask_responsibility", "mask_consistency_start"])
def test_negative_mask_settings_are_named(name):
    with pytest.raises(ValueError, match=f"{name} must be .*, at least .; got -1"):
        MaskObjective(**{name: -1})


def test_entropy_of_masks_by_hand():
    """Two images of two pixels and two slots."""
    masks = np.array([[[0.5, 0.25], [0.5, 0.75]], [[1.0, 0.1], [1e-30, 0.9]]])
    log_masks = tf.constant(np.log(masks)[:, :, None, :, None], "float32")
    expected = np.mean([-np.sum(p * np.log(p)) for p in np.concatenate(masks, 1).T])
    np.testing.assert_allclose(mask_entropy(log_masks), expected, rtol=1e-6)
    same = tf.fill([2, 3, 4, 4, 1], -np.log(3.0).astype("float32"))
    np.testing.assert_allclose(mask_entropy(same), np.log(3), rtol=1e-6)


def test_entropy_makes_one_of_two_like_slots_empty():
    """What a decoder draws does not depend on it, so only the entropy decides."""
    logits = tf.Variable([0.3, 0.0])
    for _ in range(100):
        with tf.GradientTape() as tape:
            log_masks = tf.nn.log_softmax(logits)[None, :, None, None, None]
            entropy = mask_entropy(log_masks)
        logits.assign_sub(tape.gradient(entropy, logits))
    assert tf.nn.softmax(logits)[0] > 0.98
