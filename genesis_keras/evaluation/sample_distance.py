"""Sliced Wasserstein distance of a model: its samples against the images of a split."""

from collections.abc import Callable

import numpy as np

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

    Beside it stands the distance of the images to as many others of the split: what
    samples could reach.

    Args:
        model: A generative model.
        load_images: Function (number of images) -> data set of batches.
        num_images: Samples, or fewer where the split has fewer images.
        num_slots: K of the samples, by default that of training.
        batch_size: Samples at once.
        seed: Seed of the samples, patches and directions.

    Returns:
        Dict of `samples`, what `sliced_wasserstein_distance` returns, `images`, the
        same of other images of the split in place of samples, None where the split
        has too few, and `num_samples`.

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
    return {
        "samples": sliced_wasserstein_distance(samples, images, seed=seed),
        "images": (
            sliced_wasserstein_distance(others, images, seed=seed)
            if len(others) == len(images)
            else None
        ),
        "num_samples": len(samples),
    }
