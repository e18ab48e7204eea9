"""Evaluation of a model on a data set (docs/metrics.md defines the scores)."""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from genesis_keras.evaluation.label_scores import (
    SCORES,
    label_scores,
    mean,
    mean_scores,
)
from genesis_keras.metrics.segmentation import labels_from_masks, slot_count_error
from genesis_keras.metrics.slots import largest_slot, mask_entropy, used_slots
from genesis_keras.types import Arrays, Config, Dataset, Model, Outputs, Scores, Tensor

MASK_KINDS = {"masks": "log_masks", "object_masks": "log_object_masks"}
"""Name in reports -> output: attention masks m and object masks pi."""


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    num_slots: int | None = None,
    flexible_slots: bool = False,
    min_mask_pixels: float = 20.0,
    seed: int = 0,
) -> Scores:
    """Returns mean scores over the images of a data set.

    Args:
        model: The model.
        dataset: Batches of {"image": `[B, H, W, 3]`, "segmentation": `[B, H, W, 1]`};
            without labels, there are no segmentation scores.
        num_slots: K, by default that of training.
        flexible_slots: Whether each image may use fewer slots.
        min_mask_pixels: Threshold of `flexible_slots`.
        seed: Random seed of the model calls, the same for each model.

    Returns:
        Dict of floats: the scores of `label_scores`, of `masks` and of `object_masks`
        as "masks/ari_fg" and so on, and each as "masks/ari_fg_two_or_more" over the
        images with two objects or more; of both also `largest_slot`, `used_slots` and
        `mask_entropy` (`metrics.slots`); `elbo` and `error`, nats per image; `kl`,
        nats per image; `error_per_value`, nats per pixel and channel; `mse`, mean
        squared error of the reconstruction per pixel and channel; `average_slots` and
        `slots_mae`, the mean absolute error of the number of slots to that of
        foreground objects plus one; `objects`, foreground objects; `num_images`;
        `num_without_foreground`, images that the foreground scores leave out;
        `num_two_or_more`, images with two objects or more. Without a likelihood
        there is no `elbo` and `kl`, and errors are squared.

    Raises:
        ValueError: If the data set is empty, or the model has no flexible slots.
    """
    options = call_options(model, num_slots, flexible_slots, min_mask_pixels)
    return summarize(score_images(model, dataset, options, seed), model)


def score_images(
    model: Model, dataset: Dataset, options: Config, seed: int = 0
) -> Arrays:
    """Returns the scores of each image of a data set.

    Args:
        model: See `evaluate`.
        dataset: See `evaluate`.
        options: What `call_options` returns.
        seed: Random seed.

    Returns:
        Dict from names to arrays `[N]`, see `image_scores`.

    Raises:
        ValueError: If the data set is empty.
    """
    return _collect(_scorer(model, options["num_slots"]), dataset, options, seed)


def score_data_sets(
    model: Model, datasets: dict[str, Dataset], options: Config, seed: int = 0
) -> dict[str, Arrays]:
    """Returns the scores of each image of several data sets, in one graph for all.

    Args:
        model: See `evaluate`.
        datasets: Dict of name -> data set, see `evaluate`.
        options: What `call_options` returns.
        seed: Random seed.

    Returns:
        Dict of name -> scores, see `score_images`.

    Raises:
        ValueError: If a data set is empty.
    """
    scorer = _scorer(model, options["num_slots"])
    return {
        name: _collect(scorer, dataset, options, seed)
        for name, dataset in datasets.items()
    }


def sweep_thresholds(
    model: Model,
    dataset: Dataset,
    thresholds: Sequence[float],
    num_slots: int | None = None,
    seed: int = 0,
) -> list[Scores]:
    """Evaluates flexible slots for several stopping thresholds.

    Args:
        model: A model with flexible slots.
        dataset: See `evaluate`.
        thresholds: Numbers of pixels.
        num_slots: K, the maximum number of slots of an image.
        seed: Random seed.

    Returns:
        List of dicts as returned by `evaluate`, with additional `min_mask_pixels`.

    Raises:
        ValueError: If the data set is empty, or the model has no flexible slots.
    """
    options = call_options(model, num_slots, flexible_slots=True)
    scorer = _scorer(model, options["num_slots"])  # traced only once
    results = []
    for threshold in thresholds:
        options["min_mask_pixels"] = float(threshold)
        columns = _collect(scorer, dataset, options, seed)
        scores = summarize(columns, model)
        results.append({"min_mask_pixels": float(threshold), **scores})
    return results


def _scorer(model, num_slots):
    """Returns a function of batch, seeds and call options that returns scores."""

    @tf.function(reduce_retracing=True)
    def score(batch, seeds, options):
        images = batch["image"]
        draws = model.fixed_draws(tf.shape(images)[0], num_slots, seed=seeds)
        outputs = model(images, num_slots=num_slots, **options, **draws)
        scores = image_scores(outputs, images, batch.get("segmentation"))
        if not model.has_likelihood:
            del scores["elbo"], scores["kl"]
        return scores

    return score


def _collect(scorer, dataset, options, seed):
    options = {name: option for name, option in options.items() if name != "num_slots"}
    if "min_mask_pixels" in options:
        options["min_mask_pixels"] = tf.constant(options["min_mask_pixels"])
    columns = collections.defaultdict(list)
    for index, batch in enumerate(dataset):
        seeds = tf.constant([seed, index])
        for name, values in scorer(batch, seeds, options).items():
            columns[name].append(values.numpy())
    if not columns:
        raise ValueError("the data set is empty")
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def call_options(
    model: Model,
    num_slots: int | None = None,
    flexible_slots: bool = False,
    min_mask_pixels: float = 20.0,
) -> Config:
    """Returns keyword arguments for the call of a model.

    Args:
        model: The model.
        num_slots: K, by default that of training.
        flexible_slots: Whether each image may use fewer slots.
        min_mask_pixels: Threshold of `flexible_slots`.

    Raises:
        ValueError: If `flexible_slots` is True and the model does not support it.
    """
    options = {"num_slots": model.num_slots if num_slots is None else num_slots}
    if not flexible_slots:
        return options
    if not model.has_flexible_slots:
        raise ValueError(
            f"flexible_slots={flexible_slots}: {type(model).__name__} always uses "
            "all num_slots slots"
        )
    return {**options, "flexible_slots": True, "min_mask_pixels": min_mask_pixels}


def image_scores(
    outputs: Outputs, images: Tensor, labels: Tensor | None = None
) -> Outputs:
    """Returns the scores of each image, `[B]`.

    Args:
        outputs: The model's outputs.
        images: The model's inputs `[B, H, W, 3]`.
        labels: Ground truth `[B, H, W, 1]`, 0 = background, or None.
    """
    squared = tf.math.squared_difference(outputs["reconstruction"], images)
    scores = {
        "elbo": outputs["elbo"],
        "error": outputs["reconstruction_error"],
        "mse": tf.reduce_mean(squared, axis=[1, 2, 3]),
        "kl": tf.reduce_sum(outputs["kl_latents"], axis=-1),
        "average_slots": tf.cast(outputs["num_slots"], "float32"),
    }
    for kind, output in MASK_KINDS.items():
        scores[f"{kind}/largest_slot"] = largest_slot(outputs[output])
        scores[f"{kind}/used_slots"] = used_slots(outputs[output])
        scores[f"{kind}/mask_entropy"] = mask_entropy(outputs[output])
    if labels is None:
        return scores
    for kind, output in MASK_KINDS.items():
        found = label_scores(labels, labels_from_masks(outputs[output]))
        scores["objects"] = found.pop("objects")
        scores |= {f"{kind}/{name}": score for name, score in found.items()}
    scores["slots_mae"] = slot_count_error(outputs["num_slots"], labels)
    return scores


def summarize(columns: Any, model: Model, several: bool = True) -> Scores:
    """Returns means over images; see `evaluate`.

    Args:
        columns: What `score_images` returns.
        model: The model of the scores.
        several: Whether to average over images with at least two objects as well.
    """
    # Only segmentation scores may exclude images: a NaN ELBO must be reported.
    means = {
        name: mean(values) if "/" in name else float(np.mean(values))
        for name, values in columns.items()
    }
    means["error_per_value"] = means["error"] / (model.image_size**2 * 3)
    means["num_images"] = len(columns["error"])
    if "objects" in columns:
        if several:
            scored = {n: v for n, v in columns.items() if n.split("/")[-1] in SCORES}
            means |= mean_scores(scored, columns["objects"])
            means["num_two_or_more"] = int((columns["objects"] > 1).sum())
        # NaN without foreground.
        excluded = int(np.isnan(columns["masks/ari_fg"]).sum())
        means["num_without_foreground"] = excluded
    return means


def by_objects(columns: Any, model: Model) -> dict[int, Scores]:
    """Returns the means for every number of foreground objects in the image.

    Args:
        columns: What `score_images` returns.
        model: The model of the scores.

    Returns:
        Dict from numbers of objects to means as returned by `evaluate`; empty without
        labels.
    """
    counts = columns.get("objects", np.zeros(0))
    return {
        int(count): summarize(
            {name: values[counts == count] for name, values in columns.items()},
            model,
            several=False,
        )
        for count in np.unique(counts)
    }
