"""Tests of the small pictures of what lies under each mask."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.glimpses import mask_glimpses
from genesis_keras.layers.object_pooling import ObjectPooling


def _square(top, left, height, width, side=32):
    mask = np.zeros([1, 1, side, side], "float32")
    mask[0, 0, top : top + height, left : left + width] = 1.0
    return mask


def test_does_not_depend_on_where_the_object_is():
    images = tf.ones([1, 32, 32, 3])
    here, there = (
        mask_glimpses(images, tf.constant(_square(*corner, 8, 6)))
        for corner in ((4, 3), (17, 20))
    )
    assert here.shape == (1, 1, 8, 8, 4)
    np.testing.assert_allclose(here, there, atol=1e-5)
    assert np.max(here) > 0.9 and np.min(here) < 0.1  # the square and what is outside


def test_hardly_depends_on_size():
    images = tf.ones([1, 64, 64, 3])
    small, large = (
        mask_glimpses(images, tf.constant(_square(20, 20, side, side, 64)))
        for side in (10, 20)
    )
    assert np.max(np.abs(small - large)) < 0.1


def test_tells_shapes_apart():
    images = tf.ones([1, 32, 32, 3])
    square = _square(8, 8, 12, 12)
    triangle = square * np.tri(32)[None, None]
    square, triangle = (
        np.array(mask_glimpses(images, tf.constant(mask, tf.float32)))
        for mask in (square, triangle)
    )
    assert np.max(np.abs(square - triangle)) > 0.5


def test_colours_are_those_under_the_mask():
    images = np.zeros([1, 32, 32, 3], "float32")
    images[..., 1] = 1.0  # green around
    images[0, 8:16, 8:16] = (1.0, 0.0, 0.5)
    glimpse = mask_glimpses(tf.constant(images), tf.constant(_square(8, 8, 8, 8)))
    mask, red, green, blue = np.moveaxis(np.array(glimpse), -1, 0)
    np.testing.assert_allclose(red, mask, atol=1e-6)
    np.testing.assert_allclose(green, 0.0, atol=1e-6)
    np.testing.assert_allclose(blue, 0.5 * mask, atol=1e-6)


def test_top_of_the_object_is_at_the_top():
    mask = _square(4, 12, 12, 2) + _square(4, 8, 2, 4) + _square(4, 14, 2, 4)  # a T
    picture = mask_glimpses(tf.ones([1, 32, 32, 3]), tf.constant(mask))[0, 0, ..., 0]
    assert np.sum(picture[:4]) > 1.2 * np.sum(picture[4:])


def test_empty_and_single_pixel_masks_are_finite():
    masks = tf.concat([_square(0, 0, 0, 0), _square(5, 5, 1, 1)], axis=1)
    with tf.GradientTape() as tape:
        tape.watch(masks)
        glimpses = mask_glimpses(tf.ones([1, 32, 32, 3]), masks)
    assert np.all(np.isfinite(glimpses))
    assert np.all(np.isfinite(tape.gradient(glimpses, masks)))
    np.testing.assert_array_equal(glimpses[0, 0], 0.0)
    assert np.max(glimpses[0, 1]) > 0.1


def test_latents_see_the_shape():
    features = tf.zeros([1, 32, 32, 8])
    images = tf.ones([1, 32, 32, 3])
    square = _square(8, 8, 12, 12)[..., None]
    triangle = (square[..., 0] * np.tri(32))[..., None].astype("float32")
    for size in (0, 8):
        pool = ObjectPooling(8, glimpse_size=size)
        means = [pool(features, mask, images)[0] for mask in (square, triangle)]
        assert np.allclose(*means) != bool(size)


@pytest.mark.parametrize("size", [1, -2, 2.5, "8"])
def test_wrong_size_is_named(size):
    with pytest.raises(ValueError, match=f"glimpse_size .*{size}"):
        ObjectPooling(8, glimpse_size=size)
