"""Tests of pooled statistics, and of masks without gradients from latents."""

import numpy as np
import tensorflow as tf

from genesis_keras.layers.object_pooling import ObjectPooling, mask_statistics


def test_statistics_by_hand():
    images = np.zeros([1, 2, 2, 3], "float32")
    images[0, 0, 0], images[0, 1, 1] = (1.0, 0.5, 0.0), (0.0, 0.5, 1.0)
    masks = tf.constant([[[0.5, 0.0, 0.0, 1.5], [0.0, 1.0, 0.0, 0.0], [0.0] * 4]])
    found = mask_statistics(tf.constant(images), masks)
    # A quarter of the first corner, three quarters of the last; coordinates are +-1.
    first = [0.25, 0.5, 0.75, 0.5, 0.5, 1.0, 1.0, np.log(0.5)]
    second = [0.0, 0.0, 0.0, -1.0, 1.0, 1.0, 1.0, np.log(0.25)]
    empty = [0.0] * 7 + [np.log(1e-5)]
    np.testing.assert_allclose(found[0], [first, second, empty], atol=1e-4)


def test_latents_see_the_colour_under_the_mask():
    features = tf.zeros([1, 4, 4, 8])
    masks = tf.ones([1, 2, 4, 4, 1])
    red, blue = (tf.fill([1, 4, 4, 3], 1.0) * c for c in ([1.0, 0, 0], [0, 0, 1.0]))
    for statistics in (False, True):
        pool = ObjectPooling(8, pooled_statistics=statistics)
        means = [pool(features, masks, images)[0] for images in (red, blue)]
        assert np.allclose(*means) != statistics


def test_stopped_gradients_do_not_reach_the_masks():
    features = tf.random.stateless_normal([1, 4, 4, 8], [0, 1])
    masks = tf.random.stateless_uniform([1, 2, 4, 4, 1], [0, 2])
    for stop in (False, True):
        pool = ObjectPooling(8, stop_mask_gradient=stop)
        with tf.GradientTape() as tape:
            tape.watch(masks)
            mean, _ = pool(features, masks)
        gradient = tape.gradient(mean, masks)
        assert (gradient is None) == stop
