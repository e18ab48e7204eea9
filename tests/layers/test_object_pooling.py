"""Tests of pooled statistics, and of masks without gradients from latents."""

import numpy as np
import tensorflow as tf

from genesis_keras.layers.object_pooling import ObjectPooling


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
