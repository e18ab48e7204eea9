import numpy as np
import pytest

from genesis_keras import Genesis, Monet, SlotAttentionModel
from genesis_keras.evaluation.generation import (
    build_up,
    remove_slots,
    resample_slots,
    sample_batches,
    sample_scenes,
    swap_slots,
)


@pytest.fixture
def latents():
    return np.arange(2 * 3 * 2, dtype="float32").reshape(2, 3, 2)


def test_samples_repeat_with_the_seed_and_are_as_many_as_asked_for(make_model):
    model = make_model()
    batches = list(sample_batches(model, 5, num_slots=6, batch_size=2, seed=1))
    assert [len(b["reconstruction"]) for b in batches] == [2, 2, 1]
    assert batches[0]["components"].shape == (2, 6, 32, 32, 3)
    again = next(sample_batches(model, 2, num_slots=6, batch_size=2, seed=1))
    other = next(sample_batches(model, 2, num_slots=6, batch_size=2, seed=2))
    np.testing.assert_array_equal(again["latents"], batches[0]["latents"])
    assert np.abs(other["latents"] - again["latents"]).max() > 0.1
    # The batches of one seed differ too.
    assert np.abs(batches[1]["latents"] - batches[0]["latents"]).max() > 0.1
    # They are what the model's own `sample` makes of the same draws.
    expected = model.sample(2, num_slots=6, noise=batches[0]["noise"])
    np.testing.assert_allclose(
        batches[0]["reconstruction"], expected["reconstruction"], atol=1e-5
    )


def test_a_scene_is_complete_after_its_last_slot(make_model):
    scene = sample_scenes(make_model(), 2)
    steps, covered = (part.numpy() for part in build_up(scene))
    assert steps.shape == (2, 4, 32, 32, 3) and covered.shape == (2, 4, 32, 32, 1)
    np.testing.assert_allclose(steps[:, -1], scene["reconstruction"], atol=1e-5)
    np.testing.assert_allclose(covered[:, -1], 1.0, atol=1e-5)
    np.testing.assert_allclose(steps[:, 0], scene["components"][:, 0], atol=1e-5)
    assert (np.diff(covered, axis=1) >= 0).all()


def test_removing_a_slot_keeps_the_others_in_order(latents):
    assert remove_slots(latents, 0).numpy().tolist() == latents[:, 1:].tolist()
    mixed = remove_slots(latents, [1, 2]).numpy()
    assert mixed.tolist() == [latents[0, [0, 2]].tolist(), latents[1, [0, 1]].tolist()]


def test_a_removed_object_is_gone_from_the_scene(make_model):
    model = make_model()
    scene = sample_scenes(model, 2, num_slots=2)
    alone = model.decode(remove_slots(scene["latents"], 0))
    np.testing.assert_allclose(
        alone["reconstruction"], scene["components"][:, 1], atol=1e-5
    )


def test_swapping_takes_the_slot_of_the_other_scene(latents):
    swapped = swap_slots(latents, [0, 2], latents[::-1], [1, 0]).numpy()
    assert swapped[0].tolist() == [latents[1, 1].tolist(), *latents[0, 1:].tolist()]
    assert swapped[1].tolist() == [*latents[1, :2].tolist(), latents[0, 0].tolist()]
    # The arguments are not changed.
    np.testing.assert_array_equal(latents.ravel(), np.arange(12))


@pytest.mark.parametrize("kind", ["genesis_v2", "genesis", "monet"])
def test_drawing_anew_changes_one_slot(make_model, kind):
    model = {
        "genesis_v2": make_model,
        "genesis": lambda: Genesis(32, 4, seed=0),
        "monet": lambda: Monet(32, 4, seed=0),
    }[kind]()
    scene = sample_scenes(model, 2)
    changed = resample_slots(model, scene["latents"], [1, 3], seed=5).numpy()
    different = np.abs(changed - scene["latents"]).max(axis=-1) > 1e-4
    assert different.tolist() == [
        [False, True, False, False],
        [False, False, False, True],
    ]
    # In the last slot it is the prior's draw given all slots before.
    noise = scene["noise"].numpy()
    new = model.fixed_draws(2, seed=5)["noise"].numpy()
    noise[1, 3] = new[1, 3]
    np.testing.assert_allclose(model.draw_latents(noise)[1], changed[1], atol=1e-5)


def test_bad_edits_are_named(make_model, latents):
    with pytest.raises(ValueError, match=r"slots must be in \[0, 3\); got 3"):
        remove_slots(latents, 3)
    with pytest.raises(ValueError, match="one for each of 2 scenes"):
        remove_slots(latents, [0, 1, 2])
    with pytest.raises(ValueError, match="at least 2 slots"):
        remove_slots(latents[:, :1], 0)
    with pytest.raises(ValueError, match=r"latents must have shape \[B, K, D\]"):
        swap_slots(latents[0], 0, latents, 0)
    with pytest.raises(ValueError, match=r"others must have shape \[2, K, 2\]"):
        swap_slots(latents, 0, latents[:1], 0)
    with pytest.raises(ValueError, match="num_samples must be at least 1; got 0"):
        sample_scenes(make_model(), 0)
    with pytest.raises(ValueError, match="is not generative"):
        sample_scenes(SlotAttentionModel(32, 2, num_iterations=1), 1)
