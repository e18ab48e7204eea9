"""Tests of edge-aware smoothing, and of embeddings that start with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.appearance import appearance
from genesis_keras.layers.blocks import coordinates
from genesis_keras.layers.edge_aware import edge_aware_smoothing
from genesis_keras.layers.schedules import linear_ramp
from genesis_keras.layers.semi_convolution import SemiConvolution


def test_one_pass_over_a_row_by_hand():
    values = tf.constant([0.0, 1.0, 5.0], shape=[1, 1, 3, 1])
    guide = tf.constant([0.0, 0.2, 0.2], shape=[1, 1, 3, 1])
    smooth = edge_aware_smoothing(values, guide, 1, edge_scale=0.2, length=0.5)
    weights = np.exp(-np.abs(np.subtract.outer([0, 1.5, 2], [0, 1.5, 2])))
    by_hand = weights @ [0, 1, 5] / weights.sum(axis=1)
    np.testing.assert_allclose(smooth[0, 0, :, 0], by_hand, rtol=1e-5)


def test_rows_and_columns_are_treated_alike():
    values = tf.random.stateless_uniform([2, 6, 6, 2], [0, 1])
    guide = tf.random.stateless_uniform([2, 6, 6, 3], [0, 2])

    def transposed(x):
        return tf.transpose(x, [0, 2, 1, 3])

    smooth = edge_aware_smoothing(values, guide, 8, 0.12)
    other = edge_aware_smoothing(transposed(values), transposed(guide), 8, 0.12)
    np.testing.assert_allclose(smooth, transposed(other), atol=0.05)


def two_squares():
    """Two red squares on blue: images `[1, 16, 16, 3]` and labels `[16, 16]`."""
    labels = np.zeros([16, 16], "int32")
    labels[2:7, 2:7], labels[9:14, 9:14] = 1, 2
    colours = np.array([[0.1, 0.2, 0.9], [0.9, 0.1, 0.1], [0.9, 0.1, 0.1]], "float32")
    return colours[labels][None], labels


def test_coordinates_become_those_of_the_region():
    images, labels = two_squares()
    grid = coordinates(16, 16)[None]
    smooth = edge_aware_smoothing(grid, appearance(images), 4, 0.12)[0].numpy()
    for label in (1, 2):
        inside = smooth[labels == label]
        np.testing.assert_allclose(
            inside.mean(axis=0),
            grid[0].numpy()[labels == label].mean(axis=0),
            atol=0.02,
        )
        assert inside.std(axis=0).max() < 0.02  # of 0.19 before
    centres = [smooth[labels == label].mean(axis=0) for label in (1, 2)]
    assert np.abs(centres[1] - centres[0]).min() > 0.8


def test_embeddings_tell_regions_of_one_colour_apart():
    images, labels = two_squares()
    layer = SemiConvolution(appearance_scale=3.0, region_passes=4)
    embeddings, _ = layer(tf.zeros([1, 16, 16, 8]), images)

    def distance(first, second):
        return np.linalg.norm(embeddings[0][first] - embeddings[0][second])

    assert distance((4, 4), (5, 2)) < 0.1
    assert distance((4, 4), (11, 11)) > 1.0
    assert distance((4, 4), (0, 0)) > 1.0


def test_without_appearance_embeddings_are_the_coordinates():
    embeddings, _ = SemiConvolution(coordinate_scale=0.5)(tf.ones([1, 4, 4, 8]))
    np.testing.assert_allclose(embeddings[0, ..., -2:], 0.5 * coordinates(4, 4))
    assert np.all(embeddings[..., :-2] == 0)


def test_factors_fade_and_the_fade_is_saved(tmp_path):
    images, _ = two_squares()
    inputs = keras.Input([16, 16, 8]), keras.Input([16, 16, 3])
    layer = SemiConvolution(
        appearance_scale=3.0,
        coordinate_scale=0.2,
        final_appearance_scale=1.0,
        final_coordinate_scale=0.6,
        fade_start=10,
        fade_steps=10,
    )
    model = keras.Model(inputs, layer(*inputs)[0])
    layer.set_step(15)  # half way
    arguments = [tf.zeros([1, 16, 16, 8]), tf.constant(images)]
    expected = tf.concat(
        [2.0 * appearance(images), 0.4 * coordinates(16, 16)[None]], axis=-1
    )
    np.testing.assert_allclose(model(arguments)[..., 3:], expected, atol=1e-6)
    model.save(tmp_path / "fade.keras")
    loaded = keras.models.load_model(tmp_path / "fade.keras")
    np.testing.assert_allclose(loaded(arguments), model(arguments), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"appearance_scale": -1.0},
            "appearance_scale must be .*, at least 0; got -1.0",
        ),
        ({"region_passes": -1}, "region_passes must be .*, at least 0; got -1"),
        (
            {"appearance_scale": 1.0, "embedding_dim": 4},
            "embedding_dim of at least 5; got embedding_dim=4",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SemiConvolution(**arguments)


def test_missing_images_are_named():
    layer = SemiConvolution(appearance_scale=1.0)
    with pytest.raises(ValueError, match="needs images; got None"):
        layer(tf.zeros([1, 4, 4, 8]))


@pytest.mark.parametrize(
    ("step", "value"), [(0, 1.0), (10, 1.0), (15, 2.0), (20, 3.0), (99, 3.0)]
)
def test_linear_ramp(step, value):
    np.testing.assert_allclose(linear_ramp(tf.constant(step), 1, 3, 10, 10), value)


@pytest.mark.parametrize(("step", "value"), [(9, 1.0), (10, 3.0)])
def test_a_ramp_without_steps_is_a_jump(step, value):
    np.testing.assert_allclose(linear_ramp(tf.constant(step), 1, 3, 10, 0), value)
