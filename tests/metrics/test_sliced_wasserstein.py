"""The sliced Wasserstein distance against SciPy and what must hold of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from genesis_keras.metrics import SlicedWassersteinDistance, sliced_wasserstein
from genesis_keras.metrics.sliced_wasserstein import (
    laplacian_pyramid,
    sliced_wasserstein_distance,
)


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    noise = rng.random((2, 12, 32, 32, 3)).astype("float32")
    return ndimage.gaussian_filter(noise, (0, 0, 2, 2, 0))


def test_pyramid_is_scipys_and_adds_up(pictures):
    images = pictures[0]
    details, rest = laplacian_pyramid(images)
    row = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(row, row)[None, :, :, None]
    half = ndimage.convolve(images, kernel, mode="mirror")[:, ::2, ::2]
    np.testing.assert_allclose(rest, half, atol=1e-6)
    sparse = np.zeros_like(images)
    sparse[:, ::2, ::2] = half
    large = ndimage.convolve(sparse, 4 * kernel, mode="mirror")
    np.testing.assert_allclose(details, images - large, atol=1e-6)
    assert [len(laplacian_pyramid(np.zeros((1, s, s, 3)))) for s in (16, 64, 128)] == [
        1,
        3,
        4,
    ]


def test_distance_on_a_line_is_scipys():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 50, 1)).astype("float32")
    # In one dimension every direction is 1 or -1, which changes no distance.
    found = sliced_wasserstein._distance(first, second, 40, rng)
    expected = stats.wasserstein_distance(first[:, 0], second[:, 0])
    assert found == pytest.approx(expected, rel=1e-5)


def test_distance_knows_what_is_alike(pictures):
    images, others = pictures
    options = {"patches_per_image": 32, "num_directions": 64}
    alike = sliced_wasserstein_distance(images, others, **options)
    assert set(alike) == {"32", "16", "mean"}
    assert alike["mean"] == pytest.approx((alike["32"] + alike["16"]) / 2)
    assert alike == sliced_wasserstein_distance(images, others, **options)
    # Colours are normalised, so a change of brightness is nothing to it.
    darker = sliced_wasserstein_distance(images, 0.5 * others, **options)
    assert darker["mean"] == pytest.approx(alike["mean"], rel=1e-3)
    rng = np.random.default_rng(2)
    noise = rng.random(images.shape).astype("float32")
    far = sliced_wasserstein_distance(images, noise, **options)
    assert far["32"] > 1.5 * alike["32"]


def test_bad_images_are_named(pictures):
    images = pictures[0]
    with pytest.raises(ValueError, match=r"same shape.*\(12, 32, 32, 3\) and \(11"):
        sliced_wasserstein_distance(images, images[:11])
    with pytest.raises(ValueError, match="at least 16 pixels.*8x8"):
        sliced_wasserstein_distance(images[:, :8, :8], images[:, :8, :8])
    with pytest.raises(ValueError, match="others must be finite"):
        sliced_wasserstein_distance(images, np.full_like(images, np.nan))
    with pytest.raises(ValueError, match="num_directions must be at least 1.*0"):
        sliced_wasserstein_distance(images, images, num_directions=0)


def test_keras_metric_is_that_of_all_images(pictures):
    images, others = pictures
    options = {"patches_per_image": 8, "num_directions": 16, "seed": 3}
    metric = SlicedWassersteinDistance(**options)
    assert np.isnan(metric.result())
    for part in (slice(0, 5), slice(5, 12)):
        metric.update_state(others[part], images[part])
    expected = sliced_wasserstein_distance(images, others, **options)["mean"]
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)
    metric.reset_state()
    assert np.isnan(metric.result())
    twin = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert (twin.patches_per_image, twin.num_directions, twin.seed) == (8, 16, 3)
    with pytest.raises(ValueError, match="sample_weight must be None"):
        metric.update_state(images, others, [1.0])
    with pytest.raises(ValueError, match="eagerly alone"):
        tf.function(metric.update_state)(tf.constant(images), tf.constant(others))
