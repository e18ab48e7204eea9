"""Slots from clusters against loops over images and slots."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.cluster_slots import ClusterSlots
from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.layers.region_embeddings import RegionEmbeddings

REGIONS = {
    "appearance_scale": 3.0,
    "coordinate_scale": 0.5,
    "region_passes": 4,
    "region_edge_scale": 0.06,
    "region_brightness": 0.5,
    "appearance_offset": 0.1,
    "kuwahara_passes": 1,
}


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def make_layer(channels=6, **settings):
    layer = ClusterSlots(4, **{"slot_dim": 5, "seed": 0, **REGIONS, **settings})
    layer.build((None, None, channels))
    kernel, bias = layer.trainable_weights
    kernel.assign(uniform(*kernel.shape, seed=1) - 0.5)
    bias.assign(uniform(*bias.shape, seed=2))
    return layer


def scene():
    """A grey image with a red and a blue square, and the label of each pixel."""
    labels = np.zeros([16, 16], "int32")
    labels[2:7, 3:8], labels[9:15, 8:14] = 1, 2
    colours = np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.1], [0.1, 0.1, 0.9]], "float32")
    return colours[labels][None], labels


@pytest.mark.parametrize("num_slots", [None, 2, 6])
def test_a_slot_is_a_linear_map_of_what_is_under_its_cluster(num_slots):
    layer, count = make_layer(), num_slots or 4
    images, features = uniform(2, 16, 16, 3), uniform(2, 256, 6, seed=3)
    scores = uniform(2, 16, 16, seed=4)
    slots, log_clusters = layer(
        features, images, num_slots=num_slots, seed_scores=scores
    )
    embeddings = RegionEmbeddings(**REGIONS)(images)
    process = InstanceColouring(4)  # the width of its kernel is that of four slots
    clusters = process(embeddings, num_slots=count, seed_scores=scores)["log_masks"]
    np.testing.assert_array_equal(log_clusters, clusters)
    kernel, bias = (weight.numpy() for weight in layer.trainable_weights)
    y, x = np.meshgrid(*2 * [np.linspace(-1, 1, 16)], indexing="ij")
    grid = np.stack([y, x, y**2, x**2], axis=-1).reshape(256, 4)
    for b in range(2):
        pixels = np.concatenate([images[b].reshape(256, 3), grid], axis=1)
        pixels = np.concatenate([features[b], pixels], axis=1)
        for k in range(count):
            mask = np.exp(clusters[b, k]).reshape(256, 1)
            mean = np.sum(mask * pixels, axis=0) / (mask.sum() + 1e-5)
            share = np.log(mask.sum() / 256 + 1e-5)
            expected = [*mean, share] @ kernel + bias
            np.testing.assert_allclose(slots[b, k], expected, atol=1e-4)


def test_clusters_are_the_regions_before_any_training():
    images, labels = scene()
    layer = make_layer(region_passes=32, kuwahara_passes=0)
    features = tf.zeros([1, 256, 6])
    for seed in range(5):
        scores = uniform(1, 16, 16, seed=seed)
        _, log_clusters = layer(features, images, seed_scores=scores)
        found = np.argmax(log_clusters[0, ..., 0], axis=0)
        pairs = set(zip(labels.ravel().tolist(), found.ravel().tolist(), strict=True))
        assert len(pairs) == 3, pairs  # each label is one cluster and vice versa


def test_only_the_map_learns():
    layer = make_layer()
    assert [w.path.split("/")[-1] for w in layer.trainable_weights] == [
        "kernel",
        "bias",
    ]
    features, images = tf.constant(uniform(2, 256, 6)), uniform(2, 16, 16, 3)
    with tf.GradientTape() as tape:
        tape.watch(features)
        slots, _ = layer(features, images)
    gradients = tape.gradient(slots, [features, *layer.trainable_weights])
    for gradient in gradients:
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-4


def test_mixed_precision_clusters_in_float32():
    images, scores = uniform(2, 16, 16, 3), uniform(2, 16, 16, seed=4)
    features = uniform(2, 256, 6, seed=3)
    layer, half = make_layer(), make_layer(dtype="mixed_bfloat16")
    expected, clusters = layer(features, images, seed_scores=scores)
    slots, same = half(
        tf.cast(features, "bfloat16"), tf.constant(images), seed_scores=scores
    )
    assert slots.dtype == "float32"
    np.testing.assert_array_equal(same, clusters)
    np.testing.assert_allclose(slots, expected, atol=0.02)


def test_config_round_trip():
    layer = make_layer(seed=3)
    again = ClusterSlots.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.regions == RegionEmbeddings(**REGIONS)


@pytest.mark.parametrize("bad", [{"num_slots": 0}, {"num_slots": 2.5}])
def test_bad_calls_are_named(bad):
    with pytest.raises(ValueError, match=f"num_slots.*{bad['num_slots']}"):
        make_layer()(tf.zeros([1, 256, 6]), tf.zeros([1, 16, 16, 3]), **bad)
