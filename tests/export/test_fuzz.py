"""Requests of any shape and value: right answers, or an error that names the input."""

import math
import re

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.export.checks import MAX_BATCH, MAX_SLOTS

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

SIDE, SLOTS, DIM = 32, 4, 8
SETTINGS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SHAPES = st.one_of(
    st.tuples(st.integers(0, 3), st.just(SIDE), st.just(SIDE), st.just(3)),
    st.lists(st.sampled_from([0, 1, 3, SIDE]), max_size=5).map(tuple),
)
FLOATS = st.sampled_from([0.0, 0.5, 1.0, -0.1, 1.1, 255.0, math.nan, math.inf])
INTEGERS = st.sampled_from([-(2**31), -1, 0, 1, 2, 3, 4, 64, 65, 256, 257, 2**31 - 1])
PNG = tf.io.encode_png(np.zeros([5, 9, 3], "uint8")).numpy()
JPEG = tf.io.encode_jpeg(np.zeros([9, 5, 3], "uint8")).numpy()


def answer(served, signature, **inputs):
    """The outputs, or the first line of what the graph objects to."""
    try:
        return served.call(signature, **inputs), None
    except tf.errors.InvalidArgumentError as error:
        return None, error.message
    except (TypeError, ValueError) as error:  # Python's loader, before the graph
        return None, str(error)


def check_masks(outputs, batch, side=SIDE):
    assert outputs["label_map"].shape == (batch, side, side)
    assert ((outputs["label_map"] >= 0) & (outputs["label_map"] < SLOTS)).all()
    total = outputs["mask_probabilities"].sum(axis=1)
    np.testing.assert_allclose(total, 1.0, atol=1e-4)


@SETTINGS
@given(shape=SHAPES, value=FLOATS, seed=INTEGERS, threshold=FLOATS)
def test_segmentation(served, shape, value, seed, threshold):
    images = np.full(shape, 0.5, "float32")
    images.flat[:1] = value
    outputs, error = answer(
        served, "serving_default", images=images, seed=seed, min_mask_pixels=threshold
    )
    right = shape[1:] == (SIDE, SIDE, 3) and len(shape) == 4 and shape[0] > 0
    if right and 0 <= value <= 1 and 0 <= threshold <= SIDE**2:
        check_masks(outputs, shape[0])
    else:
        assert re.search("images|min_mask_pixels", error), error


@SETTINGS
@given(number=INTEGERS, slots=INTEGERS, seed=INTEGERS)
def test_generation(served, number, slots, seed):
    # Large requests are within the bounds and would take a while.
    number, slots = (
        n if n in (1, 2) or n > 64 or n < 1 else 1 for n in (number, slots)
    )
    if number == MAX_BATCH:
        number += 1
    outputs, error = answer(
        served, "generate", num_images=number, num_slots=slots, seed=seed
    )
    if 1 <= number <= MAX_BATCH and 1 <= slots <= MAX_SLOTS:
        assert outputs["reconstruction"].shape == (number, SIDE, SIDE, 3)
        assert np.isfinite(outputs["reconstruction"]).all()
    else:
        assert re.search("num_images|num_slots", error), error


@SETTINGS
@given(
    shape=st.lists(st.sampled_from([0, 1, 2, DIM]), max_size=4).map(tuple)
    | st.tuples(st.integers(1, 2), st.integers(1, 3), st.just(DIM)),
    value=FLOATS,
    used=st.lists(st.integers(-1, 4), max_size=3),
)
def test_decoding(served, shape, value, used):
    latents = np.zeros(shape, "float32")
    latents.flat[:1] = value
    outputs, error = answer(served, "decode", latents=latents, num_slots=used)
    right = len(shape) == 3 and shape[2] == DIM and 0 not in shape
    fits = right and (
        not used or (len(used) == shape[0] and 1 <= min(used) <= max(used) <= shape[1])
    )
    if fits and math.isfinite(value):
        assert outputs["reconstruction"].shape == (shape[0], SIDE, SIDE, 3)
        masks = outputs["object_masks"].sum(axis=1)
        np.testing.assert_allclose(masks, 1.0, atol=1e-4)
    else:
        assert re.search("latents|num_slots", error), error


@SETTINGS
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.builds(
            lambda image, length, byte: image[:length] + bytes([byte]),
            st.sampled_from([PNG, JPEG]),
            st.integers(0, 700),
            st.integers(0, 255),
        ),
        st.sampled_from([PNG, JPEG]),
    )
)
def test_encoded_images(served, content):
    outputs, error = answer(served, "segment_png", encoded_images=[content])
    if outputs is not None:
        assert outputs["label_map"].shape == (1, SIDE, SIDE)
    else:
        # What the decoder itself finds names the operation.
        assert re.search("encoded_images|[Dd]ecode|PNG|JPEG|image", error), error
    if content in (PNG, JPEG):
        assert error is None


def test_the_answers_depend_on_the_seed_as_predict_does(served, pictures):
    expected = served.model.predict(pictures, batch_size=2, verbose=0, seed=5)
    outputs = served.call("serving_default", images=pictures, seed=5)
    masks = np.exp(expected["log_masks"])[..., 0]
    np.testing.assert_allclose(outputs["mask_probabilities"], masks, atol=1e-4)


@pytest.mark.parametrize("name", ["serving_default", "generate"])
def test_a_request_that_is_right_is_answered(served, name, pictures):
    inputs = {"images": pictures} if name == "serving_default" else {"num_images": 2}
    assert answer(served, name, **inputs)[1] is None
