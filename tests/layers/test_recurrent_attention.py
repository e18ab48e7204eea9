import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.recurrent_attention import RecurrentAttention


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), "float32")


def make_attention():
    attention = RecurrentAttention(filters=4)
    attention.build((None, 16, 16, 3))
    for i, weight in enumerate(attention.trainable_weights):
        weight.assign(weight + 0.2 * normal(*weight.shape, seed=i))
    return attention


def test_masks_equal_the_recursion():
    attention, images = make_attention(), normal(2, 16, 16, 3)
    masks = np.exp(attention(images, num_slots=4))
    scope = np.ones([2, 16, 16, 1], "float32")
    for k in range(3):
        x = np.concatenate([images, np.log(scope)], axis=-1)
        logit = attention.project(attention.core(x)).numpy()
        share = 1.0 / (1.0 + np.exp(-logit))
        np.testing.assert_allclose(masks[:, k], scope * share, atol=1e-4)
        scope = scope * (1.0 - share)
    np.testing.assert_allclose(masks[:, 3], scope, atol=1e-4)
    np.testing.assert_allclose(masks.sum(axis=1), 1.0, atol=1e-5)
    assert masks.std(axis=1).max() > 0.05


def test_normalisation_is_of_each_image_and_channel():
    attention = make_attention()
    assert all(block.groups == -1 for block in attention.core.down_blocks)
    images = normal(2, 16, 16, 3)
    together = attention(images, num_slots=3)
    np.testing.assert_allclose(
        together[1:], attention(images[1:], num_slots=3), atol=1e-4
    )


@pytest.mark.parametrize("num_slots", [1, 2, 6])
def test_number_of_slots_is_an_argument(num_slots):
    log_masks = make_attention()(normal(1, 16, 16, 3), num_slots=num_slots)
    assert log_masks.shape == (1, num_slots, 16, 16, 1)
    np.testing.assert_allclose(np.exp(log_masks).sum(axis=1), 1.0, atol=1e-5)


def test_mixed_precision_keeps_the_scope_in_float32():
    attention = RecurrentAttention(8, dtype="mixed_bfloat16")
    log_masks = attention(normal(1, 16, 16, 3), num_slots=3)
    assert log_masks.dtype == "float32"
    np.testing.assert_allclose(np.exp(log_masks).sum(axis=1), 1.0, atol=1e-5)


def test_config_round_trip():
    layer = RecurrentAttention(8, name="attention")
    clone = RecurrentAttention.from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()
