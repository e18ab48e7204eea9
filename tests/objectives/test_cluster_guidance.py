"""Cluster guidance against loops, and on scenes whose clusters are known."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.region_embeddings import RegionEmbeddings
from genesis_keras.objectives.cluster_guidance import ClusterGuidance, match_masks

REGIONS = RegionEmbeddings(appearance_scale=3.0, region_passes=8)


def random_log_masks(seed, batch=5, num_slots=4, side=6):
    logits = np.random.default_rng(seed).normal(size=[batch, num_slots, side, side, 1])
    return tf.nn.log_softmax(tf.constant(3.0 * logits, "float32"), axis=1)


def matched_by_loops(masks, clusters):
    """The index of the cluster of each mask of one image, `[K]`."""
    num_slots = len(masks)
    overlap = {}
    for k in range(num_slots):
        for j in range(num_slots):
            shared = np.sum(masks[k] * clusters[j])
            overlap[k, j] = shared / (masks[k].sum() + clusters[j].sum() - shared)
    order = {}
    for k, j in sorted(overlap, key=overlap.get, reverse=True):
        if k not in order and j not in order.values():
            order[k] = j
    return [order[k] for k in range(num_slots)]


def scene():
    """A grey image with a red and a blue square, and the label of each pixel."""
    labels = np.zeros([16, 16], "int32")
    labels[2:7, 3:8], labels[9:15, 8:14] = 1, 2
    colours = np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.1], [0.1, 0.1, 0.9]], "float32")
    return colours[labels][None], labels


def one_hot(labels, order):
    masks = np.stack([labels == index for index in order]).astype("float32")
    return tf.math.log(tf.constant(np.maximum(masks, 1e-9)[None, ..., None]))


def test_pairs_are_matched_in_the_order_of_their_overlap():
    log_masks, log_clusters = random_log_masks(0), random_log_masks(1)
    matched = match_masks(log_masks, log_clusters)
    for b in range(5):
        masks, clusters = (np.exp(x[b, ..., 0]) for x in (log_masks, log_clusters))
        order = matched_by_loops(masks, clusters)
        assert sorted(order) == [0, 1, 2, 3]
        np.testing.assert_array_equal(matched[b], log_clusters.numpy()[b, order])


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 2, 0], [2, 1, 0]])
def test_masks_that_are_the_clusters_have_no_distance_in_any_order(order):
    images, labels = scene()
    log_masks = one_hot(labels, order)
    outputs = {"log_masks": log_masks, "log_object_masks": log_masks}
    # The kernels of the IC-SBP are soft: alpha is at most 0.99.
    distance = ClusterGuidance(3, REGIONS)(images, outputs)
    assert 0 < float(distance[0]) < 2 * 256 * 0.15


def test_both_kinds_of_masks_are_pulled():
    images, labels = scene()
    right, wrong = one_hot(labels, [1, 0, 2]), one_hot(labels.T, [1, 0, 2])
    guidance = ClusterGuidance(3, REGIONS)

    def distance(log_masks, log_object_masks):
        outputs = {"log_masks": log_masks, "log_object_masks": log_object_masks}
        return float(guidance(images, outputs)[0])

    least = distance(right, right)
    # A third of the pixels are in another square or none.
    assert distance(right, wrong) > least + 100
    assert distance(wrong, right) > least + 100


def test_object_masks_follow_the_cluster_of_the_slot():
    images, labels = scene()
    log_masks = one_hot(labels, [1, 0, 2])
    guidance = ClusterGuidance(3, REGIONS)
    same, swapped = (
        guidance(
            images,
            {"log_masks": log_masks, "log_object_masks": one_hot(labels, order)},
        )
        for order in ([1, 0, 2], [2, 0, 1])
    )
    assert float(swapped[0]) > float(same[0]) + 100


def test_the_gradient_leads_to_the_clusters():
    images, labels = scene()
    logits = tf.Variable(tf.random.stateless_normal([1, 3, 16, 16, 1], (0, 1)))
    guidance = ClusterGuidance(3, REGIONS)
    for _ in range(60):
        with tf.GradientTape() as tape:
            log_masks = tf.nn.log_softmax(logits, axis=1)
            outputs = {"log_masks": log_masks, "log_object_masks": log_masks}
            distance = tf.reduce_sum(guidance(images, outputs))
        logits.assign_sub(tape.gradient(distance, logits))
    found = np.argmax(logits.numpy()[0, ..., 0], axis=0)
    assert [len(np.unique(found[labels == index])) for index in range(3)] == [1, 1, 1]
    assert len(np.unique(found)) == 3


def test_the_term_is_a_function_of_images_and_masks():
    images = np.random.default_rng(0).uniform(size=[2, 16, 16, 3]).astype("float32")
    log_masks = random_log_masks(0, batch=2, num_slots=5, side=16)
    outputs = {"log_masks": log_masks, "log_object_masks": log_masks}
    first, second = (ClusterGuidance(5, REGIONS) for _ in range(2))
    expected = first(images, outputs)
    np.testing.assert_array_equal(first(images, outputs), expected)
    np.testing.assert_array_equal(second(images, outputs), expected)
    # Image by image, as replicas and accumulated steps compute it.
    for b in range(2):
        part = {name: x[b : b + 1] for name, x in outputs.items()}
        np.testing.assert_allclose(
            second(images[b : b + 1], part), expected[b : b + 1], rtol=1e-5
        )
