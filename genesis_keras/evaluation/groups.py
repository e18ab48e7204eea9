"""Runs of one model on one data set, and the spread of their scores over seeds."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from genesis_keras.evaluation import paper
from genesis_keras.types import Config

# Settings in which runs of one group may differ without a remark.
_FREE = {
    "seed",
    "data_dir",
    "manual_dir",
    "summary_every",
    "picture_every",
    "checkpoint_every",
}


@dataclasses.dataclass(frozen=True)
class Run:
    """A run and its results.

    Attributes:
        name: Name of its folder.
        settings: Dict of its settings.
        model_file: Path of its model.
        results: Dict returned by `measure`; empty if there is an error.
        watch: Record of the slots during training.
        error: Reason why it could not be evaluated, or "".
    """

    name: str
    settings: dict
    model_file: str = ""
    results: dict = dataclasses.field(default_factory=dict)
    watch: list = dataclasses.field(default_factory=list)
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Spread:
    """Mean of runs and, for two or more, their standard deviation.

    Attributes:
        mean: The mean.
        deviation: The sample standard deviation (n - 1); None for a single run.
        values: The values, in the order of the runs.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...] = ()


def spread(values: Sequence[float]) -> "Spread":
    """Returns the `Spread` of at least one value; a NaN makes the mean NaN."""
    values = tuple(map(float, values))
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, values)


def text(value: Any, digits: int = 2) -> str:
    """Formats a `Spread` or (mean, deviation) as "0.85 +- 0.01".

    A deviation that is too small for the digits is shown with one more.
    """
    mean, deviation = (
        (value.mean, value.deviation) if isinstance(value, Spread) else value
    )
    written = f"{round(mean, digits) + 0.0:.{digits}f}"  # -0.0 + 0.0 is 0.0
    if deviation is None:
        return written
    more = digits + (0 < deviation < 0.5 * 10.0**-digits)
    return f"{written} +- {deviation:.{more}f}"


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that differ only in their seed.

    Attributes:
        dataset: Name of the data set.
        model: Name of the model.
        mask_loss: Whether they were trained with the mask loss of Eq. 7.
        runs: At least one `Run`, all without an error.
    """

    dataset: str
    model: str
    mask_loss: bool
    runs: tuple[Run, ...]

    def value(self, *path: Any) -> "Spread | None":
        """Returns the `Spread` of a number in the results of the runs.

        None if a run does not have it.

        Args:
            *path: Keys of nested dicts, such as "results", "fixed", "elbo".
        """
        values = []
        for run in self.runs:
            found = run.results
            for key in path:
                # The results of a sweep are a list.
                inside = isinstance(found, list) or (
                    isinstance(found, dict) and key in found
                )
                found = found[key] if inside else None
            if found is None:
                return None
            values.append(found)
        return spread(values)

    def watched(self, index: int, key: Any) -> "Spread | None":
        """Returns the `Spread` of a number in the record of training, or None.

        Args:
            index: Index of the check.
            key: Name of the number.
        """
        values = [run.watch[index].get(key) for run in self.runs]
        return None if None in values else spread(values)

    def scores(self) -> Config:
        """Returns mean, deviation and values of every score, by mode, as dicts."""
        found = {}
        for mode, scores in self.runs[0].results["results"].items():
            spreads = {name: self.value("results", mode, name) for name in scores}
            found[mode] = {n: vars(s) for n, s in spreads.items() if s is not None}
        if (fid := self.value("fid", "fid")) is not None:
            found["fid"] = vars(fid)
        path = ("sliced_wasserstein", "samples", "mean")
        if (distance := self.value(*path)) is not None:
            found["sliced_wasserstein"] = vars(distance)
        return found

    def best(self, *path: Any) -> "Run":
        """Returns the run with the largest value at `path`; NaN is the smallest."""

        def key(run):
            value = Group(self.dataset, self.model, self.mask_loss, (run,)).value(*path)
            good = value is not None and math.isfinite(value.mean)
            return value.mean if good else -math.inf

        return max(self.runs, key=key)

    def differences(self) -> list[str]:
        """Returns the names of settings, other than the seed, that runs differ in."""
        names = {name for run in self.runs for name in run.settings} - _FREE
        return sorted(
            name
            for name in names
            if len({repr(run.settings.get(name)) for run in self.runs}) > 1
        )


def group_runs(runs: "Sequence[Run]") -> "list[Group]":
    """Groups the runs that could be scored by data set, model and mask loss.

    Args:
        runs: The `Run`s.

    Returns:
        List of `Group`, by data set and then in the order of the paper.
    """
    found = {}
    for run in runs:
        if not run.error:
            settings = run.settings
            # The mask loss only applies to GENESIS-V2.
            mask_loss = bool(settings.get("mask_consistency"))
            mask_loss &= settings["model"] == "genesis_v2"
            key = (settings["dataset"], settings["model"], mask_loss)
            found.setdefault(key, []).append(run)
    groups = [Group(*key, tuple(members)) for key, members in found.items()]
    order = list(paper.TITLES)
    return sorted(groups, key=lambda g: (g.dataset, order.index(g.model), g.mask_loss))
