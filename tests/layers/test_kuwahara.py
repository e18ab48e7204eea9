"""Tests of the filter that sharpens edges."""

import numpy as np
import tensorflow as tf

from genesis_keras.layers.kuwahara import kuwahara_filter
from genesis_keras.layers.semi_convolution import SemiConvolution


def plain_filter(image):
    """One pass over one image `[H, W, C]`, pixel by pixel."""
    height, width, _ = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), "symmetric")
    result = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            windows = [
                padded[y + i : y + i + 2, x + j : x + j + 2].reshape(4, -1)
                for i in (0, 1)
                for j in (0, 1)
            ]
            variances = [window.var(axis=0).sum() for window in windows]
            result[y, x] = windows[int(np.argmin(variances))].mean(axis=0)
    return result


def test_equals_a_loop_over_pixels():
    images = np.random.default_rng(0).uniform(size=(2, 9, 7, 3)).astype("float32")
    filtered = kuwahara_filter(tf.constant(images))
    np.testing.assert_allclose(filtered, [plain_filter(x) for x in images], atol=1e-6)


def test_pixels_of_a_smooth_edge_take_a_side():
    image = np.zeros([1, 8, 8, 3], "float32")
    image[:, :, 4] = 0.4  # a mixture
    image[:, :, 5:] = (1.0, 0.5, 0.25)
    image[:, :, 4] *= (1.0, 0.5, 0.25)
    values = np.unique(np.array(kuwahara_filter(tf.constant(image), 2))[..., 0])
    assert np.abs(values - np.round(values)).max() < 0.25
    # An edge without a mixture stays as it is.
    image[:, :, 4] = 0.0
    np.testing.assert_allclose(kuwahara_filter(tf.constant(image), 3), image, atol=1e-6)


def test_no_passes_change_nothing():
    images = tf.random.stateless_uniform([1, 8, 8, 3], [0, 1])
    assert kuwahara_filter(images, 0) is images


def test_embeddings_have_no_mixtures():
    """The appearance of the edge of a red square on blue is red or blue."""
    image = np.zeros([1, 16, 16, 3], "float32")
    image[..., 2] = 1.0
    image[0, 4:12, 4:12] = (1.0, 0.0, 0.0)
    for edge in (np.s_[3, 3:13], np.s_[12, 3:13], np.s_[3:13, 3], np.s_[3:13, 12]):
        image[0][edge] = (0.5, 0.0, 0.5)
    features = tf.zeros([1, 16, 16, 8])

    def distances(passes):
        """Of each pixel to the nearer of the two colours."""
        head = SemiConvolution(appearance_scale=1.0, kuwahara_passes=passes)
        red_green = np.array(head(features, tf.constant(image))[0])[0, ..., 3]
        colours = red_green[8, 8], red_green[0, 0]
        return np.min([np.abs(red_green - colour) for colour in colours], axis=0)

    assert (distances(0) > 0.3).sum() == 36  # the edge
    assert (distances(1) > 0.3).sum() <= 12  # near its corners


def test_brightness_of_edges_is_a_factor():
    """Two greys are one region unless brightness counts."""
    image = np.full([1, 16, 16, 3], 0.3, "float32")
    image[:, :, 8:] = 0.8
    features = tf.zeros([1, 16, 16, 8])

    def columns(brightness):
        head = SemiConvolution(
            appearance_scale=1.0,
            region_passes=16,
            region_edge_scale=0.06,
            region_brightness=brightness,
        )
        return np.array(head(features, tf.constant(image))[0])[0, 8, :, -1]

    separate, joined = columns(1.0), columns(0.0)
    assert separate[8] - separate[7] > 0.5
    assert joined[8] - joined[7] < 0.2


def test_offset_is_that_of_the_appearance():
    images = tf.random.stateless_uniform([1, 8, 8, 3], [0, 1])
    features = tf.zeros([1, 8, 8, 8])
    first, second = (
        SemiConvolution(appearance_scale=1.0, appearance_offset=offset)(
            features, images
        )[0]
        for offset in (0.3, 0.05)
    )
    assert np.abs(second[..., 3:5]).mean() > 1.05 * np.abs(first[..., 3:5]).mean()
    np.testing.assert_allclose(first[..., 5], second[..., 5])  # brightness
