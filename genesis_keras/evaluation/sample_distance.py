"""Sliced Wasserstein distance of a model: its samples against the images of a split."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from genesis_keras.evaluation.generation import sample_batches
from genesis_keras.metrics.sliced_wasserstein import sliced_wasserstein_distance
from genesis_keras.types import Config, Dataset, Model


def sample_distance(
    model: Model,
    load_images: Callable[[str, int], Dataset],
    num_images: int,
    num_slots: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
) -> Config:
    """Returns the distance of samples to as many images, level by level.

    Beside it stands the distance of the images to as many others of the split, what
    samples could reach, and to reconstructions of these others, what the decoder could
    reach with a perfect prior.

    Args:
        model: A generative model.
        load_images: Function (number of images) -> data set of batches.
        num_images: Samples, or fewer where the split has fewer images.
        num_slots: K of the samples, by default that of training.
        batch_size: Samples at once.
        seed: Seed of the samples, patches and directions.

    Returns:
        Dict of `samples`, what `sliced_wasserstein_distance` returns, `images` and
        `reconstructions`, the same of other images of the split and of their
        reconstructions, None where the split has too few, and `num_samples`.

    Raises:
        ValueError: The model is not generative, or the split is empty.
    """
    batches = [batch["image"].numpy() for batch in load_images(2 * num_images)]
    if not batches:
        raise ValueError("the data set is empty")
    images = np.concatenate(batches)
    images, others = images[:num_images], images[num_images:]
    drawn = sample_batches(model, len(images), num_slots, batch_size, seed)
    samples = np.concatenate([batch["reconstruction"].numpy() for batch in drawn])
    found = {"samples": samples, "reconstructions": None, "images": None}
    if len(others) == len(images):
        found["reconstructions"] = _reconstructions(
            model, others, num_slots, batch_size, seed
        )
        found["images"] = others
    distances = {
        name: None
        if pictures is None
        else sliced_wasserstein_distance(pictures, images, seed=seed)
        for name, pictures in found.items()
    }
    return {**distances, "num_samples": len(samples)}


def _reconstructions(model, images, num_slots, batch_size, seed):
    """Returns the reconstructions of images, an array like them."""

    @tf.function(reduce_retracing=True)
    def reconstruct(batch, seeds):
        draws = model.fixed_draws(tf.shape(batch)[0], num_slots, seed=seeds)
        return model(batch, num_slots=num_slots, **draws)["reconstruction"]

    parts = []
    for index, start in enumerate(range(0, len(images), batch_size)):
        batch = tf.constant(images[start : start + batch_size])
        parts.append(reconstruct(batch, tf.constant([seed, index])).numpy())
    return np.concatenate(parts)
