"""Tests of the appearance of pixels."""

import math

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.appearance import appearance


def _pixel(*rgb, **kwargs):
    return appearance(tf.reshape(tf.constant(rgb), [1, 1, 1, 3]), **kwargs).numpy()[
        0, 0, 0
    ]


def test_values_by_hand():
    # c = 1.5 * (1, 0, 0) / 1.3 for red.
    red = 1.5 / 1.3
    expected = [red / math.sqrt(2), red / math.sqrt(6), 0.2 / 3]
    np.testing.assert_allclose(_pixel(1.0, 0.0, 0.0), expected, rtol=1e-6)
    blue = [0.0, -2 * red / math.sqrt(6), 0.2 / 3]
    np.testing.assert_allclose(_pixel(0.0, 0.0, 1.0), blue, atol=1e-6)


@pytest.mark.parametrize("grey", [0.0, 0.3, 1.0])
def test_grey_has_no_chromaticity(grey):
    np.testing.assert_allclose(_pixel(grey, grey, grey), [0, 0, 0.2 * grey], atol=1e-6)


def test_chromaticity_does_not_depend_on_shading():
    lit, shaded = (0.8, 0.4, 0.1), (0.4, 0.2, 0.05)
    values = [_pixel(*rgb, offset=1e-6)[:2] for rgb in (lit, shaded)]
    np.testing.assert_allclose(*values, atol=1e-5)
    # With the default offset it changes less than the colour itself.
    difference = np.abs(_pixel(*lit) - _pixel(*shaded))[:2].max()
    assert 0 < difference < 0.15


def test_an_offset_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="offset must be positive; got 0"):
        appearance(tf.zeros([1, 2, 2, 3]), offset=0)
