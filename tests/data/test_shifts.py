"""Distribution shifts: what they change, what they keep, and their draws."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.data import shifts
from genesis_keras.data.shift_names import SHIFTS
from genesis_keras.data.shifts import shifted

SIDE = 24


@pytest.fixture
def scenes():
    """Three images of two squares on a background, and one of nothing."""
    labels = np.zeros([4, SIDE, SIDE, 1], "int32")
    labels[:3, 2:10, 3:11], labels[:3, 12:22, 10:20] = 1, 3
    rng = np.random.default_rng(0)
    images = rng.uniform(0.2, 0.8, [4, SIDE, SIDE, 3]).astype("float32")
    return {"image": images, "segmentation": labels}


def changed(scenes, shift, seed=0, batch=2):
    dataset = tf.data.Dataset.from_tensor_slices(scenes).batch(batch)
    batches = list(shifted(dataset, shift, seed).as_numpy_iterator())
    assert [len(b["image"]) for b in batches] == [batch] * (4 // batch)
    return {key: np.concatenate([b[key] for b in batches]) for key in batches[0]}


@pytest.mark.parametrize("shift", SHIFTS)
def test_draws_follow_seed_and_image(scenes, shift):
    found = changed(scenes, shift)
    for key, value in changed(scenes, shift, batch=4).items():
        np.testing.assert_array_equal(value, found[key])
    assert found["image"].dtype == np.float32
    assert found["segmentation"].dtype == np.int32
    assert 0.0 <= found["image"].min() and found["image"].max() <= 1.0
    other = changed(scenes, shift, seed=1)
    same = np.array_equal(found["image"], other["image"])
    assert same == (shift in ("crop", "style"))  # these draw nothing


@pytest.mark.parametrize("shift", ["object_color", "object_texture"])
def test_one_object_alone_is_changed(scenes, shift):
    found = changed(scenes, shift)
    labels = scenes["segmentation"]
    np.testing.assert_array_equal(found["segmentation"], labels)
    differs = np.any(np.abs(found["image"] - scenes["image"]) > 1e-5, axis=-1)
    seen = [set(labels[i, ..., 0][differs[i]]) for i in range(4)]
    assert all(len(objects) == 1 for objects in seen[:3]) and seen[3] == set()
    if shift == "object_color":
        (i, chosen) = 0, seen[0].pop()
        inside = labels[i, ..., 0] == chosen
        before, after = (x["image"][i][inside] for x in (scenes, found))
        np.testing.assert_allclose(after.max(-1), before.max(-1), atol=1e-5)


def test_every_object_may_be_chosen(scenes):
    seen = set()
    for seed in range(8):
        found = changed(scenes, "object_color", seed)
        differs = np.any(np.abs(found["image"] - scenes["image"]) > 1e-5, axis=-1)
        seen |= set(scenes["segmentation"][..., 0][differs])
    assert seen == {1, 3}


def test_crop_is_the_centre_enlarged(scenes):
    found = changed(scenes, "crop")
    part = slice(SIDE // 6, SIDE - SIDE // 6)
    cut = scenes["segmentation"][:, part, part]
    np.testing.assert_array_equal(
        found["segmentation"], tf.image.resize(cut, (SIDE, SIDE), "nearest")
    )
    image = tf.image.resize(scenes["image"][:, part, part], (SIDE, SIDE))
    np.testing.assert_allclose(found["image"], image, atol=1e-6)


def test_occluded_pixels_are_grey_and_not_scored(scenes):
    found = changed(scenes, "occlusion")
    covered = found["segmentation"] == -1
    side = round(SIDE * shifts.OCCLUDER)
    assert np.all(covered.sum(axis=(1, 2, 3)) == side**2)
    np.testing.assert_array_equal(found["image"][covered[..., 0]], 0.5)
    for key in scenes:
        kept = ~np.broadcast_to(covered, found[key].shape)
        np.testing.assert_array_equal(found[key][kept], scenes[key][kept])
    places = {tuple(np.argwhere(c[..., 0])[0]) for c in covered}
    assert len(places) > 1


def test_a_plain_image_in_style_has_few_colours():
    image = np.full([1, SIDE, SIDE, 3], 0.4, "float32")
    image[:, :, 12:] = 0.9
    scene = {
        "image": np.repeat(image, 4, 0),
        "segmentation": np.zeros([4, SIDE, SIDE, 1]),
    }
    scene["segmentation"] = scene["segmentation"].astype("int32")
    drawn = changed(scene, "style")["image"][0]
    np.testing.assert_allclose(drawn[:, :8], 1 / 3, atol=1e-6)
    np.testing.assert_allclose(drawn[:, 16:], 1.0, atol=1e-6)
    assert drawn[:, 11:13].max() < 0.5  # the outline


def test_wrong_shifts_are_named(scenes):
    dataset = tf.data.Dataset.from_tensor_slices(scenes).batch(2)
    with pytest.raises(ValueError, match="shift must be one of crop, .*'blur'"):
        shifted(dataset, "blur")
    unlabelled = dataset.map(lambda batch: {"image": batch["image"]})
    with pytest.raises(ValueError, match="shift='crop' needs labelled images"):
        shifted(unlabelled, "crop")
