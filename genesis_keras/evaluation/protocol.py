"""The evaluation protocol: splits, numbers of slots, thresholds, FID."""

import dataclasses
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from genesis_keras.data.properties import properties_of
from genesis_keras.data.registry import min_mask_pixels_of
from genesis_keras.data.shifts import shifted
from genesis_keras.evaluation.baselines import baseline_scores, not_above
from genesis_keras.evaluation.fid import feature_moments, frechet_inception_distance
from genesis_keras.evaluation.probe import probe
from genesis_keras.evaluation.sample_distance import sample_distance
from genesis_keras.evaluation.segmentation import (
    MASK_KINDS,
    by_objects,
    call_options,
    score_data_sets,
    score_images,
    summarize,
    sweep_thresholds,
)
from genesis_keras.types import Config, Dataset, Model

if TYPE_CHECKING:
    from genesis_keras.evaluation.groups import Run
    from genesis_keras.evaluation.images import ScoredImages

THRESHOLDS = (1.0, 5.0, 10.0, 20.0, 40.0, 70.0, 120.0)
"""Thresholds of the sweep of `min_mask_pixels`; the paper uses 20 and 70."""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """The evaluation protocol, which is the same for all runs that are compared.

    Attributes:
        splits: Names of splits, or "SPLIT:K" for another number of slots than in
            training. The tables show the first.
        num_images: Number of images per split.
        batch_size: Number of images per batch.
        num_slots: K for splits without K; None for K in training.
        flexible_slots: Whether to evaluate a flexible number of slots as well.
        min_mask_pixels: Threshold of `flexible_slots`; None for that of the data set,
            see `for_dataset`.
        thresholds: Thresholds of the sweep; empty for no sweep.
        seed: Random seed.
        num_samples: Number of samples for the FID, and maximum number of images.
        baselines: Whether to evaluate the baselines of `evaluation.baselines` as well.
        sample_distance: Whether to compute the sliced Wasserstein distance of
            `num_images` samples of a generative model (`sample_distance`).
        shifts: Names of distribution shifts (`data.shifts.SHIFTS`) to evaluate as well.
        probe: Whether to predict properties of objects from latents.

    Raises:
        ValueError: If there is no split, a split is repeated, or K is not positive.
    """

    splits: tuple[str, ...] = ("test",)
    num_images: int = 320
    batch_size: int = 32
    num_slots: int | None = None
    flexible_slots: bool = False
    min_mask_pixels: float | None = None
    thresholds: tuple[float, ...] = ()
    seed: int = 0
    num_samples: int = 10_000
    baselines: bool = True
    sample_distance: bool = True
    shifts: tuple[str, ...] = ()
    probe: bool = False

    def __post_init__(self):
        if not self.splits or len(set(self.splits)) < len(self.splits):
            raise ValueError(f"split must name different splits; got {self.splits}")
        for name in ("num_images", "batch_size", "num_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
        for split in self.splits:
            _, num_slots = self.parse(split)
            if num_slots is not None and num_slots < 1:
                raise ValueError(f"K must be positive; got {num_slots} ({split!r})")

    def for_model(self, model: Model) -> "Protocol":
        """Returns the protocol of a report for a model, with all supported evaluations.

        Args:
            model: The model. If it supports flexible slots, they are evaluated, with a
                sweep.
        """
        flexible = model.has_flexible_slots
        thresholds = (self.thresholds or THRESHOLDS) if flexible else ()
        return dataclasses.replace(self, flexible_slots=flexible, thresholds=thresholds)

    def for_dataset(self, dataset: str | None) -> "Protocol":
        """Returns the protocol with a threshold, by default that of a data set.

        Args:
            dataset: Name of the data set; None for one without a name.
        """
        if self.min_mask_pixels is not None:
            return self
        threshold = min_mask_pixels_of(dataset)
        return dataclasses.replace(self, min_mask_pixels=threshold)

    def parse(self, split: str) -> tuple[str, int | None]:
        """Returns the name of a split and K, which is None for K in training."""
        match = re.fullmatch(r"(.*):(\d+)", split)
        return (match[1], int(match[2])) if match else (split, self.num_slots)


class FidMeter:
    """Computes FIDs; the moments of real images are reused between models.

    Args:
        network: The FID network with the published weights.
    """

    def __init__(self, network: Model) -> None:
        self.network = network
        self.real = {}

    def __call__(
        self,
        model: Model,
        load_images: Callable[[str, int], Dataset],
        key: Any,
        protocol: "Protocol",
    ) -> Config | None:
        """Returns the FID of a model as a dict; None if it is not generative.

        Args:
            model: The model.
            load_images: Function (number of images) -> data set of batches.
            key: Key that identifies the images.
            protocol: The `Protocol`.
        """
        if not model.is_generative:
            return None
        key = (key, model.image_size)
        if key not in self.real:
            batches = (b["image"].numpy() for b in load_images(protocol.num_samples))
            self.real[key] = feature_moments(self.network, batches)
        value = frechet_inception_distance(
            model,
            self.network,
            self.real[key],
            protocol.num_samples,
            protocol.batch_size,
            protocol.seed,
        )
        return {
            "fid": value,
            "num_samples": protocol.num_samples,
            "num_images": self.real[key].count,
        }


def measure(
    model: Model,
    load_images: Callable[[str, int], Dataset],
    protocol: "Protocol",
    fid_meter: "FidMeter | None" = None,
    key: Any = None,
) -> Config:
    """Evaluates a model according to the protocol.

    Args:
        model: The model.
        load_images: Function (split, number of images) -> data set of batches; for
            probes, the `ScoredImages`.
        protocol: The `Protocol`.
        fid_meter: A `FidMeter`, or None for no FID.
        key: Key that identifies the images, for the FID.

    Returns:
        Dict of `results`, of the first split: "fixed" and, where asked for,
        "flexible" -> scores as `evaluate` returns them; `by_objects`: split ->
        number of objects -> scores with a fixed K; `other_splits`: split -> scores
        like `results`; `sweep`: see `sweep_thresholds`; `fid`: see `FidMeter`; of a
        generative model `sliced_wasserstein`: see `sample_distance`. Of labelled
        images also `baselines`: name -> scores, see `baseline_scores`;
        `above_baselines`: kind of masks -> whether these are above all baselines on
        ARI-FG and MSC-FG; `other_baselines`: other split -> like `baselines`.
        With flexible slots also `min_mask_pixels`, their threshold.
        `shifts`: name of a shift -> scores of the first split with a fixed K;
        `probe`: see `evaluation.probe.probe`.

    Raises:
        ValueError: If a split is unknown or empty, the model has no flexible slots
            and they are asked for, or the images have no labels for shifts or probes.
    """
    _check(load_images, protocol)
    protocol = protocol.for_dataset(getattr(load_images, "dataset", None))
    splits, objects, baselines = {}, {}, {}
    for split in protocol.splits:
        name, num_slots = protocol.parse(split)
        images = load_images(name, protocol.num_images)
        splits[split] = {}
        for mode in ("fixed", "flexible")[: 1 + protocol.flexible_slots]:
            options = call_options(
                model, num_slots, mode == "flexible", protocol.min_mask_pixels
            )
            columns = score_images(model, images, options, protocol.seed)
            splits[split][mode] = summarize(columns, model)
            if mode == "fixed":
                objects[split] = {
                    str(number): scores
                    for number, scores in by_objects(columns, model).items()
                }
                if protocol.baselines and "objects" in columns:
                    baselines[split] = baseline_scores(
                        images, options["num_slots"], protocol.seed
                    )
    first = protocol.splits[0]
    results = {"results": splits.pop(first), "by_objects": objects}
    if protocol.flexible_slots:
        results["min_mask_pixels"] = protocol.min_mask_pixels
    if splits:
        results["other_splits"] = splits
    if first in baselines:
        results["baselines"] = found = baselines.pop(first)
        results["above_baselines"] = {
            kind: not not_above(results["results"]["fixed"], found, kind)
            for kind in MASK_KINDS
        }
    if baselines:
        results["other_baselines"] = baselines
    name, num_slots = protocol.parse(first)
    if protocol.shifts:
        images = load_images(name, protocol.num_images)
        changed = {s: shifted(images, s, protocol.seed) for s in protocol.shifts}
        options = call_options(model, num_slots)
        scored = score_data_sets(model, changed, options, protocol.seed)
        results["shifts"] = {s: summarize(found, model) for s, found in scored.items()}
    if protocol.probe:
        results["probe"] = probe(model, load_images, protocol)
    if protocol.thresholds and protocol.flexible_slots:
        results["sweep"] = sweep_thresholds(
            model,
            load_images(name, protocol.num_images),
            protocol.thresholds,
            num_slots,
            protocol.seed,
        )
    if fid_meter is not None:
        results["fid"] = fid_meter(
            model, lambda number: load_images(name, number), (key, name), protocol
        )
    if protocol.sample_distance and model.is_generative:
        results["sliced_wasserstein"] = sample_distance(
            model,
            lambda number: load_images(name, number),
            protocol.num_images,
            num_slots,
            protocol.batch_size,
            protocol.seed,
        )
    return results


def _check(load_images, protocol):
    """Raises ValueError where the data cannot give what is asked for."""
    name, _ = protocol.parse(protocol.splits[0])
    for shift in protocol.shifts:
        shifted(load_images(name, 1), shift)
    if protocol.probe:
        properties_of(load_images.dataset)


def score_run(
    run: "Run",
    load_model: Callable[[str], Model],
    images: "ScoredImages",
    protocol: "Protocol",
    fid_meter: "FidMeter | None" = None,
) -> "Run":
    """Returns a run with its results, or with an error.

    Args:
        run: A `Run` without results.
        load_model: Function (path) that returns a model.
        images: The `ScoredImages` of its data set.
        protocol: The `Protocol`. If the model supports flexible slots, they are
            evaluated, with a sweep.
        fid_meter: A `FidMeter`, or None for no FID.
    """
    try:
        model = load_model(run.model_file)
        with images.explaining_damage():
            results = measure(
                model, images, protocol.for_model(model), fid_meter, images.dataset
            )
    except ValueError as error:
        return dataclasses.replace(run, error=str(error))
    return dataclasses.replace(run, results=results)
