"""Tests of the frames in which slots are drawn."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.broadcast_decoder import BroadcastDecoder
from genesis_keras.layers.object_pooling import ObjectPooling
from genesis_keras.layers.spatial_transformer import (
    mask_pose,
    place,
    pose_frames,
)
from genesis_keras.models.genesis_v2 import GenesisV2


def _rectangle(top, left, height, width, side=33):
    mask = np.zeros([1, 1, side, side], "float32")
    mask[0, 0, top : top + height, left : left + width] = 1.0
    return mask


def _pose(centre_y, centre_x, size_y, size_x):
    values = [centre_y, centre_x, np.log(size_y) + 1, np.log(size_x) + 1]
    return tf.constant(values, tf.float32)[None, None]


def test_pose_is_centre_and_log_standard_deviation():
    pose = mask_pose(tf.constant(_rectangle(8, 20, 9, 5)))  # rows 8..16, columns 20..24
    centre_y, centre_x, log_y, log_x = np.array(pose)[0, 0]
    pixel = 2 / 32
    np.testing.assert_allclose([centre_y, centre_x], [-0.25, 0.375], atol=1e-4)
    # Variance of n equally spaced values, and a pixel so that it is never 0.
    for log_size, n in ((log_y, 9), (log_x, 5)):
        variance = pixel**2 * ((n**2 - 1) / 12 + 1)
        assert log_size == pytest.approx(0.5 * np.log(variance) + 1, abs=1e-4)


def test_pose_hardly_sees_what_soft_masks_leave_elsewhere():
    mask = _rectangle(4, 4, 9, 9)
    clean = mask_pose(tf.constant(mask))
    soft = mask_pose(tf.constant(np.maximum(mask, 0.01)))
    np.testing.assert_allclose(soft, clean, atol=0.03)


def test_pose_of_an_empty_mask_is_finite():
    pose = np.array(mask_pose(tf.zeros([2, 3, 16, 16])))
    assert np.isfinite(pose).all()
    np.testing.assert_allclose(pose[..., :2], 0.0, atol=1e-6)


def test_a_frame_of_the_whole_image_changes_nothing():
    canvas = np.random.default_rng(0).normal(size=(1, 1, 16, 16, 4))
    pose = _pose(0.0, 0.0, 1 / 2.5, 1 / 2.5)
    placed = place(tf.constant(canvas, tf.float32), pose)
    np.testing.assert_allclose(placed, canvas, atol=1e-5)


def test_a_canvas_is_placed_at_its_position_and_size():
    # A canvas of ones within, zero at the border, logits 5 within and -5 at the border.
    canvas = np.zeros([1, 1, 33, 33, 4], "float32")
    canvas[..., 3] = -5.0
    canvas[0, 0, 4:29, 4:29] = (1.0, 1.0, 1.0, 5.0)
    placed = np.array(place(tf.constant(canvas), _pose(0.5, -0.5, 0.1, 0.1)))[0, 0]
    rows, columns = np.nonzero(placed[..., 3] > 0)
    # The frame has half a side of 0.25: 4 pixels around the centre, of which 3/4.
    assert (rows.min(), rows.max()) == (24 - 3, 24 + 3)
    assert (columns.min(), columns.max()) == (8 - 3, 8 + 3)
    np.testing.assert_allclose(placed[24, 8], [1, 1, 1, 5], atol=1e-4)
    np.testing.assert_allclose(placed[0, 32, :3], 0.0, atol=1e-4)


def test_logits_fall_beyond_the_frame():
    canvas = tf.ones([1, 1, 33, 33, 4])
    placed = np.array(place(canvas, _pose(0.0, 0.0, 0.1, 0.2)))[0, 0]
    np.testing.assert_allclose(placed[..., :3], 1.0, atol=1e-5)  # colours continue
    assert placed[16, 16, 3] == pytest.approx(1.0)
    # 1 - 0.25 is three half sides of 0.25 beyond it; 1 - 0.5 is one of 0.5.
    assert placed[0, 16, 3] == pytest.approx(1.0 - 30.0, abs=1e-3)
    assert placed[16, 0, 3] == pytest.approx(1.0 - 10.0, abs=1e-3)


def test_a_shrunken_canvas_keeps_its_average():
    """Without aliasing: fine stripes become grey rather than stripes."""
    canvas = np.zeros([1, 1, 64, 64, 4], "float32")
    canvas[:, :, 1::4] = canvas[:, :, 2::4] = 1.0
    placed = np.array(place(tf.constant(canvas), _pose(0.0, 0.0, 0.1, 0.1)))[0, 0]
    np.testing.assert_allclose(placed[28:36, 28:36, :3], 0.5, atol=0.1)


@pytest.mark.parametrize("size", (-100.0, 100.0))
def test_extreme_poses_are_limited(size):
    pose = tf.constant([[[1e6, -1e6, size, size]]], tf.float32)
    placed = place(tf.ones([1, 1, 16, 16, 4]), pose)
    assert np.isfinite(np.array(placed)).all()
    (centre_y, half), _ = pose_frames(pose)
    assert float(centre_y[0, 0]) == 1.5
    assert 2.5 / 32 - 1e-6 <= float(half[0, 0]) <= 2.5


def test_gradients_reach_the_pose():
    canvas = tf.random.stateless_normal([1, 2, 16, 16, 4], [0, 1])
    pose = tf.tile(_pose(0.1, 0.2, 0.2, 0.3), [1, 2, 1])
    with tf.GradientTape() as tape:
        tape.watch(pose)
        loss = tf.reduce_sum(tf.square(place(canvas, pose)))
    gradient = np.array(tape.gradient(loss, pose))
    assert np.isfinite(gradient).all() and (np.abs(gradient) > 0).all()


def test_a_moved_latent_is_the_same_object_elsewhere():
    decoder = BroadcastDecoder(32, (16,) * 4, spatial_transformer=True)
    decoder.build((None, 1, 16))
    latents = np.random.default_rng(0).normal(size=(1, 1, 16)).astype("float32")
    latents[..., :4] = (-0.3, -0.2, np.log(0.1) + 1, np.log(0.15) + 1)
    moved = latents + np.eye(16, dtype="float32")[0] * 10 * 2 / 31  # ten pixels down
    for here, there in zip(decoder(latents), decoder(moved), strict=True):
        np.testing.assert_allclose(here[0, 0, :-10], there[0, 0, 10:], atol=1e-4)
        assert np.std(here) > 1e-3


def test_pooling_outputs_the_pose_as_the_first_latents():
    pooling = ObjectPooling(16, glimpse_size=8, spatial_transformer=True)
    masks = tf.constant(_rectangle(4, 4, 9, 9, 32))[..., None]
    mean, scale = pooling(tf.zeros([1, 32, 32, 16]), masks, tf.zeros([1, 32, 32, 3]))
    np.testing.assert_allclose(mean[..., :4], mask_pose(masks[..., 0]), atol=1e-6)
    assert mean.shape == scale.shape == (1, 1, 16)


def test_is_off_by_default_and_saved(tmp_path):
    assert GenesisV2(image_size=32, feature_dim=8).spatial_transformer is False
    model = GenesisV2(
        image_size=32, feature_dim=8, glimpse_size=4, spatial_transformer=True, seed=0
    )
    copy = GenesisV2.from_config(model.get_config())
    assert copy.spatial_transformer is True
    assert copy.decoder.spatial_transformer and copy.pooling.spatial_transformer
    with pytest.raises(ValueError, match="spatial_transformer"):
        GenesisV2(image_size=32, feature_dim=8, spatial_transformer="yes")
