"""Scores of a model on a labelled data set (definitions in the README)."""

import collections

import numpy as np
import tensorflow as tf

from genesis_keras.metrics.segmentation import (
    adjusted_rand_index,
    labels_from_masks,
    segmentation_covering,
    slot_count_error,
)

MASK_KINDS = {"masks": "log_masks", "object_masks": "log_object_masks"}
"""Name in reports -> output: attention masks m, and decoded masks pi."""


def evaluate(
    model,
    dataset,
    *,
    num_slots=None,
    flexible_slots=False,
    min_mask_pixels=20.0,
    seed=0,
):
    """Returns mean scores over the images of a data set.

    Args:
        model: A model that returns the output contract.
        dataset: Batches of {"image": `[B, H, W, 3]`, "segmentation": `[B, H, W, 1]`};
            without labels there are no segmentation scores.
        num_slots: K, by default that of training.
        flexible_slots: Whether each image may use fewer slots.
        min_mask_pixels: Threshold of `flexible_slots`.
        seed: Seed of the draws, which are the same for each model.

    Returns:
        Dict of floats: `ari_fg`, `msc_fg`, `ari`, `msc` of `masks` and of
        `object_masks` as "masks/ari_fg" and so on; `elbo` and `error`, nats per image;
        `kl`, nats per image; `error_per_value`, nats per pixel and channel;
        `average_slots` and `slots_mae`, the mean absolute error of the number of slots
        to that of foreground objects plus one; `num_images`;
        `num_without_foreground`, images that the foreground scores leave out.
        Without a likelihood there is no `elbo` and `kl`, and errors are squared.

    Raises:
        ValueError: The data set is empty, or the model has no flexible slots.
    """
    options = call_options(model, num_slots, flexible_slots, min_mask_pixels)

    @tf.function(reduce_retracing=True)
    def score(batch, index):
        images = batch["image"]
        draws = model.fixed_draws(
            tf.shape(images)[0], options["num_slots"], seed=tf.stack([seed, index])
        )
        outputs = model(images, **options, **draws)
        scores = image_scores(outputs, batch.get("segmentation"))
        if not model.has_likelihood:
            del scores["elbo"], scores["kl"]
        return scores

    columns = collections.defaultdict(list)
    for index, batch in enumerate(dataset):
        for name, values in score(batch, tf.constant(index)).items():
            columns[name].append(values.numpy())
    if not columns:
        raise ValueError("the data set is empty")
    return _summary({name: np.concatenate(c) for name, c in columns.items()}, model)


def call_options(model, num_slots=None, flexible_slots=False, min_mask_pixels=20.0):
    """Returns the options of a model's call, as keyword arguments.

    Args:
        model: A model that returns the output contract.
        num_slots: K, by default that of training.
        flexible_slots: Whether each image may use fewer slots.
        min_mask_pixels: Threshold of `flexible_slots`.

    Raises:
        ValueError: `flexible_slots` with a model that has a fixed number.
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


def image_scores(outputs, labels=None):
    """Returns the scores of each image, `[B]` each.

    Args:
        outputs: The output contract.
        labels: Ground truth `[B, H, W, 1]`, 0 = background; None where there is none.
    """
    scores = {
        "elbo": outputs["elbo"],
        "error": outputs["reconstruction_error"],
        "kl": tf.reduce_sum(outputs["kl_latents"], axis=-1),
        "average_slots": tf.cast(outputs["num_slots"], "float32"),
    }
    if labels is None:
        return scores
    num_slots = outputs["log_masks"].shape[1]
    for kind, output in MASK_KINDS.items():
        predicted = labels_from_masks(outputs[output])
        for suffix, foreground in (("_fg", True), ("", False)):
            options = {"foreground_only": foreground, "num_predicted": num_slots}
            scores[f"{kind}/ari{suffix}"] = adjusted_rand_index(
                labels, predicted, **options
            )
            scores[f"{kind}/msc{suffix}"] = segmentation_covering(
                labels, predicted, **options
            )
    scores["slots_mae"] = slot_count_error(outputs["num_slots"], labels)
    return scores


def _summary(columns, model):
    """Means over images; foreground scores are NaN where there is no foreground."""
    num_images = len(columns["error"])
    means = {}
    for name, values in columns.items():
        # Only segmentation scores may leave images out: a NaN ELBO must show.
        valid = values[~np.isnan(values)] if "/" in name else values
        means[name] = float(np.mean(valid)) if len(valid) else float("nan")
    means["error_per_value"] = means["error"] / (model.image_size**2 * 3)
    means["num_images"] = num_images
    if "masks/ari_fg" in columns:
        excluded = int(np.isnan(columns["masks/ari_fg"]).sum())
        means["num_without_foreground"] = excluded
    return means
