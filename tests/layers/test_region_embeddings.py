"""Embeddings of regions against their parts, which have tests of their own."""

import numpy as np
import pytest

from genesis_keras.layers.appearance import appearance
from genesis_keras.layers.blocks import coordinates
from genesis_keras.layers.edge_aware import edge_aware_smoothing
from genesis_keras.layers.kuwahara import kuwahara_filter
from genesis_keras.layers.region_embeddings import RegionEmbeddings

IMAGES = np.random.default_rng(0).uniform(size=[2, 8, 8, 3]).astype("float32")


def test_without_smoothing_they_are_appearance_and_coordinates():
    embeddings = RegionEmbeddings(
        appearance_scale=3.0, coordinate_scale=0.5, appearance_offset=0.1
    )(IMAGES)
    np.testing.assert_allclose(
        embeddings[..., :3], 3.0 * appearance(IMAGES, 0.1), atol=1e-6
    )
    for grid in embeddings[..., 3:]:
        np.testing.assert_allclose(grid, 0.5 * coordinates(8, 8), atol=1e-6)


@pytest.mark.parametrize("brightness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kuwahara_passes", [0, 1])
def test_regions_have_edges_of_appearance(brightness, kuwahara_passes):
    regions = RegionEmbeddings(
        appearance_scale=3.0,
        region_passes=2,
        region_edge_scale=0.3,
        region_brightness=brightness,
        kuwahara_passes=kuwahara_passes,
    )
    sharp = kuwahara_filter(IMAGES, kuwahara_passes)
    plain = RegionEmbeddings(appearance_scale=3.0)(sharp)
    guide = appearance(sharp, 0.3, brightness=brightness)
    expected = edge_aware_smoothing(plain, guide, 2, 0.3)
    np.testing.assert_allclose(regions(IMAGES), expected, atol=1e-5)


def test_a_call_may_have_other_scales():
    embeddings = RegionEmbeddings(appearance_scale=3.0, region_passes=1)(
        IMAGES, appearance_scale=1.0, coordinate_scale=0.0
    )
    expected = RegionEmbeddings(1.0, 0.0, region_passes=1)(IMAGES)
    np.testing.assert_allclose(embeddings, expected, atol=1e-6)


@pytest.mark.parametrize("name", RegionEmbeddings.__dataclass_fields__)
def test_bad_settings_are_named(name):
    for value in (-1, "much", None):
        with pytest.raises(ValueError, match=f"{name} must.*{value}"):
            RegionEmbeddings(**{name: value})


def random_log_masks():
    masks = np.random.default_rng(1).dirichlet([0.3] * 4, size=[2, 8, 8])
    return np.log(np.moveaxis(masks, 3, 1)[..., None]).astype("float32")


def test_masks_are_averaged_within_regions():
    regions = RegionEmbeddings(
        region_passes=2, region_edge_scale=0.3, region_brightness=0.5, kuwahara_passes=1
    )
    log_masks = random_log_masks()
    averaged = np.exp(regions.average_masks(log_masks, IMAGES))
    np.testing.assert_allclose(averaged.sum(axis=1), 1.0, atol=1e-5)
    guide = appearance(kuwahara_filter(IMAGES, 1), 0.3, brightness=0.5)
    for slot in range(4):
        expected = edge_aware_smoothing(np.exp(log_masks[:, slot]), guide, 2, 0.3)
        np.testing.assert_allclose(averaged[:, slot], expected, atol=1e-6)


def test_a_region_is_not_split():
    images = np.full([1, 8, 8, 3], 0.5, "float32")
    images[:, :, 4:] = [0.9, 0.1, 0.1]
    regions = RegionEmbeddings(region_passes=32)
    masks = np.exp(regions.average_masks(random_log_masks()[:1], images))
    for side in (slice(0, 4), slice(4, 8)):
        assert np.ptp(masks[:, :, :, side], axis=(2, 3)).max() < 0.01
    assert np.abs(masks[:, :, :, 3] - masks[:, :, :, 4]).max() > 0.05


def test_without_passes_masks_stay_as_they_are():
    log_masks = random_log_masks()
    assert RegionEmbeddings().average_masks(log_masks, IMAGES) is log_masks
