"""The figures of a report: segmentations, samples and edits."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from genesis_keras.evaluation import paper
from genesis_keras.evaluation.generation import (
    build_up,
    remove_slots,
    resample_slots,
    sample_scenes,
    swap_slots,
)
from genesis_keras.evaluation.segmentation import MASK_KINDS, call_options
from genesis_keras.metrics.slots import MIN_SHARE, slot_shares
from genesis_keras.models.registry import MODELS
from genesis_keras.types import Array, Arrays, Config, Dataset, Model, Outputs, Tensor
from genesis_keras.visualization import (
    colour_labels,
    labelled_rows,
    segmentation_panel,
)
from genesis_keras.visualization.cells import colour_masks

if TYPE_CHECKING:
    from genesis_keras.evaluation.groups import Group
    from genesis_keras.evaluation.protocol import Protocol

_PAPER_WHITE = 1.0
_EDITED = 6  # number of images in the figure of edits, which has many rows


def outputs_of(
    model: Model, images: Tensor, options: Config | None = None, seed: int = 0
) -> Arrays:
    """Returns a model's outputs as arrays, with fixed random numbers.

    Args:
        model: The model.
        images: `[B, H, W, 3]`.
        options: Keyword arguments of the call, see `call_options`; by default for a
            fixed K.
        seed: Random seed.
    """
    options = options or call_options(model)
    draws = model.fixed_draws(len(images), options["num_slots"], seed)
    outputs = model(images, **options, **draws)
    return {name: value.numpy() for name, value in outputs.items()}


def segmentation_figure(images: Tensor, labels: Any, outputs: Outputs) -> Array:
    """Draws input, ground truth, and each model's reconstruction and masks (Fig. 2).

    Args:
        images: Array `[N, H, W, 3]`.
        labels: Ground truth `[N, H, W, 1]`, or None.
        outputs: Dict from names of models to outputs as arrays. The masks are those
            that the paper evaluates.

    Returns:
        uint8 picture.
    """
    rows = [("input", images)]
    if labels is not None:
        rows.append(("ground truth", colour_labels(np.asarray(labels)[..., 0])))
    for model, values in outputs.items():
        masks = values[MASK_KINDS[paper.MASKS[model]]]
        rows.append(
            (f"{paper.TITLES[model]}\nreconstruction", values["reconstruction"])
        )
        rows.append(("segmentation", colour_masks(masks)))
    return labelled_rows(rows)


def samples_figure(samples: Array, columns: int = 8) -> Array:
    """Draws samples from the priors of several models (Figures 3 and 4).

    Args:
        samples: Dict from names of models to images `[N, H, W, 3]`.
        columns: Number of images per row.

    Returns:
        uint8 picture.
    """
    rows = []
    for model, images in samples.items():
        for start in range(0, len(images), columns):
            label = paper.TITLES[model] if start == 0 else ""
            rows.append((label, images[start : start + columns]))
    return labelled_rows(rows)


def build_up_figure(scenes: Outputs, num_scenes: int = 2) -> Array:
    """Draws sampled scenes, composed object by object in the order of the prior.

    Args:
        scenes: Dict from names of models to scenes, see `build_up`.
        num_scenes: Number of scenes per model.

    Returns:
        uint8 picture: the scene, followed by the contributions of slots 0, 0 to 1 etc.
        on white.
    """
    rows, num_slots = [], 0
    for model, scene in scenes.items():
        steps, covered = (part.numpy() for part in build_up(scene))
        steps = covered * steps + (1.0 - covered) * _PAPER_WHITE  # [B, K, H, W, 3]
        num_slots = max(num_slots, steps.shape[1])
        for i in range(min(num_scenes, len(steps))):
            whole = np.asarray(scene["reconstruction"])[i]
            label = paper.TITLES[model] if i == 0 else ""
            rows.append((label, np.concatenate([whole[None], steps[i]])))
    slots = ["slot 0", *(f"+ slot {k}" for k in range(1, num_slots))]
    return labelled_rows(rows, ["sample", *slots])


def edits_figure(models: Sequence[Model], images: Tensor, seed: int = 0) -> Array:
    """Draws edits of latents: an object is removed, swapped and resampled.

    The object of an image is the smallest slot with at least 1% of the pixels. Objects
    are swapped with those of the next image.

    Args:
        models: Dict from names to generative models.
        images: `[N, H, W, 3]`, at least 2.
        seed: Random seed.

    Returns:
        uint8 picture.

    Raises:
        ValueError: If there are fewer than 2 images.
    """
    if len(images) < 2:
        raise ValueError(f"images must be at least 2 to swap; got {len(images)}")
    rows = [("input", images)]
    for name, model in models.items():
        outputs = outputs_of(model, images, seed=seed)
        latents = outputs["latents"]
        slots = smallest_slot(outputs["log_object_masks"])
        swapped = swap_slots(
            latents, slots, np.roll(latents, -1, axis=0), np.roll(slots, -1)
        )
        scene = sample_scenes(model, len(images), seed=seed + 1)
        sampled = smallest_slot(scene["log_object_masks"])
        edits = {
            f"{paper.TITLES[name]}\ndecoded": latents,
            "one removed": remove_slots(latents, slots),
            "swapped with\nthe next": swapped,
            "sample": scene["latents"],
            "one drawn anew": resample_slots(
                model, scene["latents"], sampled, seed + 2
            ),
        }
        rows += [
            (label, model.decode(tf.constant(edited))["reconstruction"].numpy())
            for label, edited in edits.items()
        ]
    return labelled_rows(rows)


def smallest_slot(masks: Tensor) -> Array:
    """Returns the smallest slot in use of each image.

    Args:
        masks: `[B, K, H, W, 1]`, masks or log masks.
    """
    shares = slot_shares(masks).numpy()  # [B, K]
    return np.where(shares >= MIN_SHARE, shares, np.inf).argmin(axis=1)


def report_figures(
    groups: "Sequence[Group]",
    load: Callable,
    load_images: Callable[[str, int], Dataset],
    num_samples: int = 16,
    seed: int = 0,
) -> dict[str, tuple[Array, str]]:
    """Draws the figures of a report for the best run of each model.

    Args:
        groups: The `Group`s.
        load: Function (run) that returns its model.
        load_images: Function (run) that returns a batch of test images.
        num_samples: Samples of each model.
        seed: Random seed.

    Returns:
        Dict of name -> (uint8 picture, caption).
    """
    figures = {}
    datasets = dict.fromkeys(group.dataset for group in groups)
    for dataset in datasets:
        runs = {}
        for group in groups:  # groups without the mask loss are first
            if group.dataset == dataset:
                # Like the paper, show the seed with the best ARI-FG.
                score = f"{paper.MASKS[group.model]}/ari_fg"
                best = group.best("results", "fixed", score)
                runs.setdefault(group.model, best)
        # A figure cannot combine different image sizes.
        side = next(iter(runs.values())).settings["image_size"]
        runs = {m: run for m, run in runs.items() if run.settings["image_size"] == side}
        models = {m: load(runs[m]) for m in paper.TITLES if m in runs}
        names = ", ".join(f"`{runs[model].name}`" for model in models)
        batch = load_images(next(iter(runs.values())))
        drawn = model_figures(models, batch, num_samples, seed)
        for name, (picture, caption) in drawn.items():
            key = f"{name}_{dataset.replace('/', '_')}" if len(datasets) > 1 else name
            figures[key] = (
                picture,
                f"{caption} Best run of each model: {names}.",
            )
    return figures


def run_figures(
    model: Model,
    batch: Outputs,
    protocol: "Protocol",
    num_slots: int | None = None,
    num_samples: int = 16,
) -> Arrays:
    """Draws the pictures of a model: the panel of its slots, and figures.

    Args:
        model: The model.
        batch: Dict with "image" and, where there are labels, "segmentation".
        protocol: The `Protocol` of its evaluation, for the panel.
        num_slots: K for the panel; defaults to K in training.
        num_samples: Number of samples if the model is generative.

    Returns:
        Dict of name -> uint8 picture.
    """
    threshold = protocol.for_dataset(None).min_mask_pixels
    options = call_options(model, num_slots, protocol.flexible_slots, threshold)
    images = batch["image"].numpy()
    labels = batch["segmentation"].numpy() if "segmentation" in batch else None
    outputs = outputs_of(model, images, options, protocol.seed)
    figures = {"panel": segmentation_panel(images, outputs, labels)}
    name = next(name for name, kind in MODELS.items() if isinstance(model, kind))
    drawn = model_figures({name: model}, batch, num_samples, protocol.seed)
    return {**figures, **{key: picture for key, (picture, _) in drawn.items()}}


def model_figures(
    models: Sequence[Model], batch: Outputs, num_samples: int = 16, seed: int = 0
) -> dict[str, tuple[Array, str]]:
    """Draws the figures of several models for the same images.

    Args:
        models: Dict from names of models (as on the command line) to models.
        batch: Dict with "image" and, where there are labels, "segmentation".
        num_samples: Samples of each model.
        seed: Random seed.

    Returns:
        Dict of name -> (uint8 picture, caption).
    """
    images = batch["image"].numpy()
    labels = batch["segmentation"].numpy() if "segmentation" in batch else None
    outputs = {
        name: outputs_of(model, images, seed=seed) for name, model in models.items()
    }
    figures = {
        "segmentation": (
            segmentation_figure(images, labels, outputs),
            "Reconstructions and segmentations of test images. Each slot has its "
            "colour; only in the ground truth grey is the background.",
        )
    }
    generative = {name: model for name, model in models.items() if model.is_generative}
    if not generative:
        return figures
    scenes = {
        name: sample_scenes(model, num_samples, seed=seed)
        for name, model in generative.items()
    }
    samples = {name: scene["reconstruction"].numpy() for name, scene in scenes.items()}
    figures["samples"] = (
        samples_figure(samples),
        "Scenes drawn from the prior, the first ones and not chosen.",
    )
    figures["build_up"] = (
        build_up_figure(scenes),
        "Sampled scenes, built up object by object in the order of the prior.",
    )
    if len(images) > 1:
        figures["edits"] = (
            edits_figure(generative, images[:_EDITED], seed),
            "Edits of latents, decoded again. Of every image the slot with the fewest "
            "pixels is removed, or swapped with that of the next image; of every "
            "sample it is drawn anew from the prior.",
        )
    return figures
