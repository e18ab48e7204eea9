"""The FID of a model, between its samples and the images of a data set."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from genesis_keras.evaluation.generation import sample_batches
from genesis_keras.metrics.fid_inception import NUM_FEATURES
from genesis_keras.metrics.frechet import (
    add_features,
    frechet_distance,
    no_features,
)
from genesis_keras.types import Array, Model, Tensor

if TYPE_CHECKING:
    from genesis_keras.metrics.frechet import Moments


def feature_moments(network: Model, batches: Iterable[Array]) -> "Moments":
    """Returns the moments of the network's features of all images.

    Args:
        network: The model of `metrics.fid_inception`.
        batches: Iterable of images `[B, H, W, 3]`, floats in [0, 1] or uint8. They are
            rounded to 8 bits, like those of image files.
    """
    moments = no_features(NUM_FEATURES)

    @tf.function(reduce_retracing=True)
    def features(images):
        return network(tf.cast(images, "float32") / 255.0, training=False)

    for images in batches:
        moments = add_features(moments, features(as_uint8(images)).numpy())
    return moments


def frechet_inception_distance(
    model: Model,
    network: Model,
    real_moments: "Moments",
    num_samples: int = 10_000,
    batch_size: int = 32,
    seed: int = 0,
) -> float:
    """Returns the FID of a model's samples.

    Args:
        model: A generative model.
        network: The model of `metrics.fid_inception`, with the published weights.
        real_moments: `feature_moments` of the images to compare with.
        num_samples: Number of samples.
        batch_size: Number of images per batch.
        seed: Random seed of the samples.

    Raises:
        ValueError: If the model is not generative, or `num_samples` is below 2.
    """
    if num_samples < 2:
        raise ValueError(
            f"num_samples must be at least 2 for an FID; got {num_samples}"
        )
    batches = sample_batches(model, num_samples, batch_size=batch_size, seed=seed)
    images = (batch["reconstruction"] for batch in batches)
    return frechet_distance(feature_moments(network, images), real_moments)


def as_uint8(images: Tensor) -> Tensor:
    """Rounds images in [0, 1] to 8 bits.

    Args:
        images: `[B, H, W, 3]`, floats in [0, 1], which are clipped, or uint8.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    return np.round(255.0 * np.clip(images, 0.0, 1.0)).astype(np.uint8)
