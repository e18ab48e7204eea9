"""Statistics of the pixels under a mask, by hand."""

import numpy as np
import tensorflow as tf

from genesis_keras.layers.mask_statistics import mask_statistics


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
