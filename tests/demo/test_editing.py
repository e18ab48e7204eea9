"""What the page does with a model, without the page."""

import numpy as np
import pytest

from genesis_keras.demo import drawing, editing
from genesis_keras.demo.scene import Scene
from genesis_keras.models.base import SceneModel
from genesis_keras.models.slot_attention import SlotAttentionModel
from genesis_keras.presets.finding import DEFAULT_PRESET, find_preset
from genesis_keras.presets.layout import example_paths
from genesis_keras.segmentation.segmenting import segment

EXAMPLE = 1  # of the bundled preset: four objects


@pytest.fixture(scope="module")
def model():
    return SceneModel.from_preset(DEFAULT_PRESET)


@pytest.fixture(scope="module")
def pictures():
    return example_paths(find_preset(DEFAULT_PRESET))


@pytest.fixture(scope="module")
def scene(model, pictures):
    return editing.scene_of(model, pictures[EXAMPLE])


def first_object(scene):
    return int(np.flatnonzero(~scene.background)[0])


def test_a_removed_object_is_gone_and_the_others_stay(model, scene):
    slot = first_object(scene)
    where = scene.slots == slot
    after = editing.remove_object(model, scene, slot)
    assert after.num_objects == scene.num_objects - 1 == 3
    np.testing.assert_array_equal(after.latents, np.delete(scene.latents, slot, axis=0))
    change = np.abs(after.image.astype(int) - scene.image).mean(axis=-1)
    assert change[where].mean() > 10 * change[~where].mean()


def test_an_object_comes_from_another_scene(model, scene, pictures):
    other = editing.scene_of(model, pictures[2])
    slot, taken = first_object(scene), first_object(other)
    after = editing.swap_object(model, scene, slot, other, taken)
    np.testing.assert_array_equal(after.latents[slot], other.latents[taken])
    rest = np.arange(len(scene.latents)) != slot
    np.testing.assert_array_equal(after.latents[rest], scene.latents[rest])


def test_an_object_is_drawn_from_its_prior(model, scene):
    slot = first_object(scene)
    first, again, other = (
        editing.resample_object(model, scene, slot, seed).latents for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first[slot] != other[slot]).all()
    rest = np.arange(len(scene.latents)) != slot
    np.testing.assert_array_equal(first[rest], scene.latents[rest])
    noise = model.fixed_draws(1, len(first), seed=1)["noise"][:, slot]
    expected = model.draw_next(scene.latents[None, :slot], noise)
    np.testing.assert_allclose(first[slot], expected[0], atol=1e-5)


def test_a_scene_without_edits_is_the_reconstruction(model, scene, pictures):
    found = segment(model, pictures[EXAMPLE])
    shown = drawing.reconstruction_of(found)
    difference = shown.astype(int) - drawing.enlarge(scene.image)
    assert np.abs(difference).max() <= 1
    assert scene.num_objects == len(found.objects) == 4


def test_a_sample_is_built_up_to_the_whole(model):
    image, steps = editing.generate(model, num_slots=3, seed=5)
    assert steps.shape == (3, *image.shape)
    assert np.abs(steps[-1].astype(int) - image).max() <= 1
    assert not (editing.generate(model, num_slots=3, seed=6)[0] == image).all()


def test_a_click_finds_its_object():
    slots = np.zeros([4, 6], int)
    slots[1:3, 4:6] = 1
    nothing = np.zeros([2, 1])
    scene = Scene(nothing, np.zeros([4, 6, 3]), slots, np.array([True, False]))
    assert scene.num_objects == 1
    assert scene.object_at(4, 1) == 1
    with pytest.raises(ValueError, match="only background: click an object"):
        scene.object_at(1, 1)
    with pytest.raises(ValueError, match=r"\(6, 1\) is outside"):
        scene.object_at(6, 1)


def test_what_a_model_without_a_prior_cannot(images):
    model = SlotAttentionModel(image_size=32, num_slots=2, filters=8, num_iterations=1)
    scene = editing.scene_of(model, images[0])
    assert len(editing.remove_object(model, scene, 0).latents) == 1
    with pytest.raises(ValueError, match="is not generative"):
        editing.resample_object(model, scene, 0)
    with pytest.raises(ValueError, match="is not generative"):
        editing.generate(model)


def test_pictures_are_enlarged_by_whole_numbers():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = drawing.enlarge(image, side=5)
    assert large.shape == (4, 4, 3)
    np.testing.assert_array_equal(
        large[:2, :2], np.broadcast_to(image[0, 0], [2, 2, 3])
    )
    assert drawing.enlargement(np.zeros([300, 900, 3])) == 1
