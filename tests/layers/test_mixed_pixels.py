"""Pixels at edges: by hand, and against loops over pixels and slots."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.layers.kuwahara import kuwahara_filter
from genesis_keras.layers.mixed_pixels import assign_mixed_pixels
from genesis_keras.layers.stick_breaking import LOG_ZERO

SIDE = 12
RED, BLUE, GREEN = (np.array(c, "float32") for c in np.eye(3)[[0, 2, 1]])
SQUARE = (slice(4, 8), slice(4, 8))


def slots_of(labels, num_slots, certainty=0.9, used=None):
    """Slots whose masks have `certainty` in the pixels of their label."""
    labels = np.asarray(labels)
    rest = (1 - certainty) / (num_slots - 1)
    masks = np.where(
        labels[:, None] == np.arange(num_slots)[:, None, None], certainty, rest
    )
    used = num_slots if used is None else used
    masks[:, used:] = 0.0
    masks = (masks / masks.sum(1, keepdims=True)).astype("float32")[..., None]
    log_masks = np.log(np.maximum(masks, 1e-30))
    return {
        "masks": tf.constant(masks),
        "log_masks": tf.constant(np.where(masks > 0, log_masks, LOG_ZERO), "float32"),
        "num_slots": tf.fill([len(labels)], used),
        "seeds": tf.tile([tf.range(10, 10 + num_slots)], [len(labels), 1]),
    }


def edge(image, column, mixture):
    """Mixes the pixels right of the square."""
    image[4:8, column] = mixture * RED + (1 - mixture) * BLUE
    return image


def scene(mixture):
    """A red square on blue, and mixed pixels to its right."""
    image = np.zeros([SIDE, SIDE, 3], "float32") + BLUE
    image[SQUARE] = RED
    labels = np.zeros([SIDE, SIDE], int)
    labels[SQUARE] = 1
    return edge(image, 8, mixture), labels


def owners(slots):
    return np.argmax(slots["log_masks"][..., 0], axis=1)


@pytest.mark.parametrize("mixture", [0.1, 0.28, 0.32, 0.45, 0.9])
@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_mixed_pixel_of_the_background(mixture, share):
    image, labels = scene(mixture)
    before = slots_of([labels], 2)
    after = assign_mixed_pixels(image[None], before, share)
    expected = labels.copy()
    expected[4:8, 8] = mixture > share
    np.testing.assert_array_equal(owners(after)[0], expected)
    # The values of the two slots are exchanged.
    want = slots_of([expected], 2)
    for name in ("masks", "log_masks"):
        np.testing.assert_allclose(after[name], want[name], atol=1e-6)
    np.testing.assert_array_equal(after["num_slots"], [2])


@pytest.mark.parametrize("mixture", [0.1, 0.32, 0.9])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_a_line_of_mixed_pixels_is_no_segment(mixture, order):
    image, labels = scene(mixture)
    labels[4:8, 8] = 2
    order = np.array(order)
    after = assign_mixed_pixels(image[None], slots_of([order[labels]], 3), 0.3)
    expected = labels.copy()
    expected[4:8, 8] = mixture > 0.3
    kept = sorted(order[:2])
    np.testing.assert_array_equal(
        owners(after)[0],
        [[kept.index(order[label]) for label in row] for row in expected],
    )
    np.testing.assert_array_equal(after["num_slots"], [2])
    np.testing.assert_array_equal(
        after["seeds"][0], [10 + k for k in [*kept, order[2]]]
    )
    np.testing.assert_array_equal(after["masks"][:, 2], 0.0)
    np.testing.assert_array_less(after["log_masks"][:, 2], -1e9)
    np.testing.assert_allclose(tf.reduce_sum(after["masks"], 1), 1.0, atol=1e-6)
    np.testing.assert_allclose(np.exp(after["log_masks"]), after["masks"], atol=1e-6)


def test_sharp_edges_stay_and_unused_slots_too():
    image, labels = scene(0.0)
    before = slots_of([labels], 4, used=2)
    after = assign_mixed_pixels(image[None], before, 0.3)
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-6, err_msg=name)


def test_colours_that_hardly_differ_have_no_mixture():
    """There is noise between them, which says nothing about the edge."""
    image, labels = scene(0.0)
    image = BLUE + 0.04 * image / np.linalg.norm(RED - BLUE)
    image[4:8, 8] = image[5, 5]
    after = assign_mixed_pixels(image[None], slots_of([labels], 2), 0.3)
    np.testing.assert_array_equal(owners(after)[0], labels)


def test_between_two_objects_the_colour_decides():
    """No background is near the line between a red and a green half of a square."""
    image = np.zeros([SIDE, SIDE, 3], "float32") + BLUE
    labels = np.zeros([SIDE, SIDE], int)
    image[3:9, 1:5], labels[3:9, 1:5] = RED, 1
    image[3:9, 6:10], labels[3:9, 6:10] = GREEN, 2
    image[3:9, 5], labels[3:9, 5] = 0.4 * RED + 0.6 * GREEN, 3
    after = assign_mixed_pixels(image[None], slots_of([labels], 4), 0.3)
    assert (owners(after)[0][5:7, 5] == 2).all()
    np.testing.assert_array_equal(after["num_slots"], [3])


def oracle(image, owner, number, share):
    """The new owner of each pixel."""
    side = len(owner)
    sharp = kuwahara_filter(image[None])[0].numpy()
    border = np.ones([side, side], bool)
    border[1:-1, 1:-1] = False
    background = np.bincount(owner[border], minlength=number).argmax()
    solid = np.zeros([side, side], bool)
    for y in range(-1, side):
        for x in range(-1, side):
            cells = [(y + i, x + j) for i in (0, 1) for j in (0, 1)]
            cells = [c for c in cells if min(c) >= 0 and max(c) < side]
            if len({owner[c] for c in cells}) == 1:
                for c in cells:
                    solid[c] = True
    found = owner.copy()
    for y in range(side):
        for x in range(side):
            around = {}
            for i in range(max(y - 2, 0), min(y + 3, side)):
                for j in range(max(x - 2, 0), min(x + 3, side)):
                    if solid[i, j]:
                        around.setdefault(owner[i, j], []).append((i, j))
            near = {
                k
                for k, cells in around.items()
                if any(max(abs(i - y), abs(j - x)) <= 1 for i, j in cells)
            }
            mean = {k: np.mean([sharp[c] for c in around[k]], axis=0) for k in near}
            mixture = {}
            for k in near - {background} if background in near else ():
                line = mean[k] - mean[background]
                if line @ line > 0.003:
                    offset = image[y, x] - mean[background]
                    mixture[k] = offset @ line / (line @ line)
            best = max(mixture, key=mixture.get, default=None)
            is_object = best is not None and mixture[best] > share
            if not solid[y, x] and near:
                distances = {k: np.sum((image[y, x] - mean[k]) ** 2) for k in near}
                found[y, x] = min(distances, key=distances.get)
                if mixture:
                    found[y, x] = best if is_object else background
            elif owner[y, x] == background and is_object:
                found[y, x] = best
    return found


@pytest.mark.parametrize("seed", range(4))
def test_random_scenes_against_loops(seed):
    rng = np.random.default_rng(seed)
    owner = np.zeros([SIDE, SIDE], int)
    for k in range(1, 4):
        (y, x), (h, w) = rng.integers(0, SIDE - 2, 2), rng.integers(1, 7, 2)
        owner[y : y + h, x : x + w] = k
    image = rng.uniform(size=[4, 3])[owner] + 0.25 * rng.normal(size=[SIDE, SIDE, 3])
    image = np.clip(image, 0, 1).astype("float32")
    expected = oracle(image, owner, 4, 0.3)
    assert np.any(expected != owner)
    after = assign_mixed_pixels(image[None], slots_of([owner], 4), 0.3)
    kept = np.array(after["seeds"][0]) - 10
    np.testing.assert_array_equal(kept[owners(after)[0]], expected)


def test_gradients_are_those_of_the_exchanged_values():
    image, labels = scene(0.9)
    before = slots_of([labels], 3, certainty=0.8)
    masks = before["masks"]
    with tf.GradientTape() as tape:
        tape.watch(masks)
        after = assign_mixed_pixels(image[None], {**before, "masks": masks}, 0.3)
        value = tf.reduce_sum(after["masks"][0, :, 5, 8, 0] * [1.0, 2.0, 4.0])
    gradient = tape.gradient(value, masks)
    assert np.isfinite(gradient).all() and np.abs(gradient[0, :, 5, 8]).max() > 0.1
    assert np.abs(gradient[0, :, 5, 5]).max() == 0.0


@pytest.mark.parametrize("flexible", [False, True])
@pytest.mark.parametrize("hard_masks", [False, True])
def test_colouring_assigns_mixed_pixels(flexible, hard_masks):
    image, labels = scene(0.4)
    image[3, 4:8] = 0.35 * RED + 0.65 * BLUE
    embeddings, images = 4.0 * image[None], image[None]
    arguments = {"num_slots": 6, "hard_masks": hard_masks, "seed": 0}
    layer = InstanceColouring(**arguments, edge_share=0.3)
    draws = {"seed_scores": tf.random.stateless_uniform([1, SIDE, SIDE], [0, 1])}
    draws |= {"flexible_slots": flexible, "min_mask_pixels": 2.0}
    plain = InstanceColouring(**arguments)(embeddings, **draws)
    assert len(np.unique(owners(plain)[0])) > 2  # edges are segments
    found = layer(embeddings, images=images, **draws)
    expected = assign_mixed_pixels(images, plain, 0.3)
    np.testing.assert_array_equal(found["masks"], expected["masks"])
    labels[4:8, 8] = labels[3, 4:8] = 1
    pairs = set(zip(owners(found).ravel(), labels.ravel(), strict=True))
    assert len(pairs) == 2
    # With a fixed number of slots all are in use.
    assert int(found["num_slots"][0]) == (2 if flexible else 6)


def test_images_are_needed_and_shares_checked():
    layer = InstanceColouring(3, edge_share=0.3)
    with pytest.raises(ValueError, match="edge_share=0.3 needs images; got None"):
        layer(tf.zeros([1, 8, 8, 4]))
    for value in (-0.1, 1.5, "much"):
        with pytest.raises(ValueError, match=f"edge_share.*{value}"):
            InstanceColouring(3, edge_share=value)
    assert InstanceColouring.from_config(layer.get_config()).edge_share == 0.3
