"""Tables of a report about other images and other tasks: shifts and probes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genesis_keras.evaluation import paper
from genesis_keras.evaluation.groups import text
from genesis_keras.evaluation.models_table import NOT_MEASURED, Table
from genesis_keras.evaluation.report import MASK_TITLES

if TYPE_CHECKING:
    from genesis_keras.evaluation.groups import Group

_SCORES = {"ari_fg": "ARI-FG", "msc_fg": "MSC-FG"}
_PROBES = {
    "chance": "chance",
    "linear": "linear",
    "mlp": "MLP",
    "untrained_linear": "untrained, linear",
    "untrained_mlp": "untrained, MLP",
}


def shifts_table(groups: "Sequence[Group]") -> Table | None:
    """Scores under distribution shifts, None where none were measured."""
    rows = []
    for group in groups:
        shifts = group.runs[0].results.get("shifts", {})
        places = {"none": ("results", "fixed")}
        places |= {shift: ("shifts", shift) for shift in shifts}
        for shift, place in places.items() if shifts else ():
            values = [
                group.value(*place, f"{kind}/{score}")
                for kind in MASK_TITLES
                for score in _SCORES
            ]
            values.append(group.value(*place, "mse"))
            cells = [_cell(value, 2) for value in values[:-1]]
            rows.append([_title(group), group.dataset, shift, *cells])
            rows[-1].append(_cell(values[-1], 4))
    if not rows:
        return None
    header = ["model", "data set", "shift"]
    header += [f"{s} {symbol}" for symbol in ("m", "pi") for s in _SCORES.values()]
    note = (
        "The images of the first table, changed on the fly (docs/metrics.md); after "
        "Dittadi et al. (2022), with a stylisation of our own."
    )
    return Table("Distribution shifts", [*header, "MSE"], rows, note)


def probe_table(groups: "Sequence[Group]") -> Table | None:
    """How well probes predict properties, None where it was not measured."""
    rows = []
    for group in groups:
        found = group.runs[0].results.get("probe", {}).get("properties", {})
        for name, scores in found.items():
            measure = "accuracy" if scores["kind"] == "class" else "R^2"
            values = [group.value("probe", "properties", name, p) for p in _PROBES]
            cells = [_cell(value, 2) for value in values]
            rows.append([_title(group), group.dataset, name, measure, *cells])
    if not rows:
        return None
    header = ["model", "data set", "property", "measure", *_PROBES.values()]
    note = (
        "Linear and MLP probes on the latents of slots that match the objects, on "
        "other images than they learned from; beside them what chance and the latents "
        "of an untrained model give (docs/metrics.md; Dittadi et al., 2022)."
    )
    return Table("Property prediction", header, rows, note)


def _title(group):
    return paper.TITLES[group.model] + (", mask loss" if group.mask_loss else "")


def _cell(value, digits):
    return NOT_MEASURED if value is None else text(value, digits)
