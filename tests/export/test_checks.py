"""The checks of inputs inside the graph, with inputs of any shape."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.export import checks

SIDE = 8
CHECKS = {
    "images": lambda x: checks.check_images(x, SIDE),
    "latents": lambda x: checks.check_latents(x, dim=5, min_slots=1),
    "strings": lambda x: checks.check_strings(x, "encoded_images"),
    "seed": lambda x: checks.check_scalar(x, "seed"),
}


def run(check, value):
    value = tf.constant(value)
    spec = tf.TensorSpec(None, value.dtype)  # of any shape, as in a session
    return tf.function(CHECKS[check], input_signature=[spec])(value).numpy()


def images(*shape, value=0.5):
    return np.full(shape, value, "float32")


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        ("images", images(8, 8, 3), r"shape \[B, 8, 8, 3\]; got \[8 8 3\]"),
        ("images", images(1, 1, 8, 8, 3), r"got \[1 1 8 8 3\]"),
        ("images", images(2, 8, 9, 3), r"got \[2 8 9 3\]"),
        ("images", images(2, 8, 8, 4), r"got \[2 8 8 4\]"),
        ("images", images(), r"got \[\]"),
        ("images", images(0, 8, 8, 3), "a batch of 1 to 256; got 0"),
        ("images", images(257, 8, 8, 3), "a batch of 1 to 256; got 257"),
        ("images", images(1, 8, 8, 3, value=255.0), r"in \[0, 1\]; got 255 to 255"),
        ("images", images(1, 8, 8, 3, value=-0.01), r"in \[0, 1\]; got -0.01"),
        ("images", images(1, 8, 8, 3, value=np.nan), "must be finite floats"),
        ("images", images(1, 8, 8, 3, value=np.inf), "must be finite floats"),
        ("latents", images(2, 5), r"shape \[B, K, 5\] .*; got \[2 5\]"),
        ("latents", images(2, 3, 4), r"got \[2 3 4\]"),
        ("latents", images(1, 0, 5), r"K from 1 to 64; got \[1 0 5\]"),
        ("latents", images(1, 65, 5), r"got \[1 65 5\]"),
        ("latents", images(0, 3, 5), "a batch of 1 to 256; got 0"),
        ("latents", images(257, 3, 5), "a batch of 1 to 256; got 257"),
        ("strings", [[b"a"]], r"encoded_images must have shape \[B\]; got \[1 1\]"),
        ("strings", b"a", r"encoded_images must have shape \[B\]; got \[\]"),
        ("strings", [b"a"] * 257, "a batch of 1 to 256; got 257"),
        ("seed", [1], r"seed must be one number, of shape \[\]; got \[1\]"),
    ],
)
def test_wrong_input_is_named_and_quoted(check, value, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        run(check, value)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        ("images", images(1, 8, 8, 3, value=0.0)),
        ("images", images(256, 8, 8, 3, value=1.0)),
        ("latents", images(256, 64, 5)),
        ("strings", [b"a"] * 256),
        ("seed", 3),
    ],
)
def test_right_input_passes(check, value):
    np.testing.assert_array_equal(run(check, value), value)
