"""The table of a report with all segmentation scores and the baselines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genesis_keras.evaluation import paper
from genesis_keras.evaluation.baselines import TITLES
from genesis_keras.evaluation.groups import text
from genesis_keras.evaluation.label_scores import SEVERAL
from genesis_keras.evaluation.models_table import NOT_MEASURED, Table
from genesis_keras.evaluation.report import MASK_TITLES

if TYPE_CHECKING:
    from genesis_keras.evaluation.groups import Group

_COLUMNS = {
    "ari_fg": "ARI-FG",
    f"ari_fg_{SEVERAL}": "ARI-FG 2+",
    "ari_fg_tolerant": "ARI-FG 1 px",
    "msc_fg": "MSC-FG (mBO)",
    f"msc_fg_{SEVERAL}": "MSC-FG 2+",
    "miou_fg": "mIoU-FG",
    "recovery": "recovery",
    "ari": "ARI",
    "msc": "MSC",
    "miou": "mIoU",
}


def scores_table(groups: "Sequence[Group]") -> Table:
    """Returns all scores of both kinds of masks, and of the baselines."""
    rows = []
    for dataset in dict.fromkeys(group.dataset for group in groups):
        here = [group for group in groups if group.dataset == dataset]
        for group in here:
            rows += [_model_row(group, kind) for kind in MASK_TITLES]
        rows += _baseline_rows(dataset, here)
    header = ["data set", "segmentation", "K", *_COLUMNS.values()]
    note = (
        "2+: over the images with two objects or more. 1 px: without the pixels within "
        "one pixel of a true boundary. Below the models are segmentations without "
        "learning on the same images: vertical strips, k-means on colour and position, "
        "the IC-SBP on the colours of the pixels, and one segment. A model that is not "
        "above all of them on ARI-FG and MSC-FG has not learned objects; the last "
        "column says which runs are."
    )
    return Table(
        "All segmentation scores, and baselines without learning",
        [*header, "above every baseline"],
        rows,
        note,
    )


def _model_row(group, kind):
    name = paper.TITLES[group.model] + (", mask loss" if group.mask_loss else "")
    above = [
        run.results.get("above_baselines", {}).get(kind)  # None: not measured
        for run in group.runs
    ]
    verdict = f"{sum(map(bool, above))} of {len(above)} runs"
    return [
        group.dataset,
        f"{name}, {MASK_TITLES[kind]}",
        str(group.runs[0].settings.get("num_slots", "?")),
        *(_cell(group.value("results", "fixed", f"{kind}/{n}")) for n in _COLUMNS),
        NOT_MEASURED if None in above else verdict,
    ]


def _baseline_rows(dataset, groups):
    """Returns the baselines for each number of slots of the models."""
    found = {}
    for group in groups:
        for run in group.runs:
            for name, scores in run.results.get("baselines", {}).items():
                row = [dataset, TITLES[name], str(scores["num_slots"])]
                row += [f"{scores[column]:.2f}" for column in _COLUMNS]
                found[tuple(row)] = list(TITLES).index(name)
    return [[*row, "-"] for row in sorted(found, key=found.get)]


def _cell(value):
    return NOT_MEASURED if value is None else text(value)
