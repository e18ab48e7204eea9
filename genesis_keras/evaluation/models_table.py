"""Tables with one row per model, for our results and the paper's."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genesis_keras.evaluation import paper
from genesis_keras.evaluation.groups import Spread, text
from genesis_keras.types import PathLike, Scores

if TYPE_CHECKING:
    from genesis_keras.evaluation.groups import Group

NO_RUN, NOT_MEASURED = "no run", "not measured"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of strings.

    Attributes:
        title: Heading.
        header: Names of the columns.
        rows: Lists of cells, as long as the header.
        note: Explanation of the table.
    """

    title: str
    header: list
    rows: list
    note: str

    def markdown(self) -> str:
        """Returns the heading, the note and the table."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"## {self.title}\n\n{self.note}\n\n{table}\n"


def models_table(
    title: str, groups: "Sequence[Group]", columns: Any, note: str
) -> "Table":
    """Returns a table with a row for each model, and for the mask loss.

    Args:
        title: Heading.
        groups: The `Group`s.
        columns: List of (heading, digits, higher is better or None, function of
            (model, mask loss) -> `Spread`, (mean, deviation) or text).
        note: Explanation of the table.
    """
    keys = [(model, False) for model in paper.TITLES]
    keys += [("genesis_v2", True)] if any(group.mask_loss for group in groups) else []
    header = ["model", "generative", *(heading for heading, *_ in columns)]
    rows = []
    for model, mask_loss in keys:
        name = paper.TITLES[model] + (", mask loss" if mask_loss else "")
        generative = "yes" if paper.GENERATIVE[model] else "no"
        rows.append([name, generative])
    for _, digits, higher, value_of in columns:
        values = [value_of(*key) for key in keys]
        bold = _best(values, [paper.GENERATIVE[model] for model, _ in keys], higher)
        for row, value, is_best in zip(rows, values, bold, strict=True):
            cell = value if isinstance(value, str) else text(value, digits)
            row.append(f"**{cell}**" if is_best else cell)
    return Table(title, header, rows, note)


def _best(values, generative, higher):
    """Returns which values are bold: the best generative one, and better others."""
    numbers = [v.mean if isinstance(v, Spread) else math.nan for v in values]
    if higher is None or sum(map(math.isfinite, numbers)) < 2:
        return [False] * len(values)
    sign = 1.0 if higher else -1.0
    ranked = [sign * n if math.isfinite(n) else -math.inf for n in numbers]
    pairs = zip(ranked, generative, strict=True)
    bar = max((rank for rank, good in pairs if good), default=-math.inf)
    return [
        math.isfinite(rank) and (rank == bar if good else rank > bar)
        for rank, good in zip(ranked, generative, strict=True)
    ]


def our_columns(groups: "Sequence[Group]", scores: Scores) -> Any:
    """Returns the columns of our data sets for `models_table`.

    Args:
        groups: The `Group`s.
        scores: List of (heading, digits, higher is better, function of a group).
    """
    columns = []
    scores = [("runs", 0, None, lambda group: str(len(group.runs))), *scores]
    for dataset in dict.fromkeys(group.dataset for group in groups):
        for heading, digits, higher, value in scores:

            def value_of(model, mask_loss, dataset=dataset, value=value):
                for group in groups:
                    key = (group.dataset, group.model, group.mask_loss)
                    if key == (dataset, model, mask_loss):
                        found = value(group)
                        return NOT_MEASURED if found is None else found
                return NO_RUN

            columns.append((f"{heading}, {dataset}", digits, higher, value_of))
    return columns


def paper_columns(table: str, names: Sequence[PathLike]) -> Any:
    """Returns the columns of the paper's results for `models_table`.

    Args:
        table: Nested dict: data set -> model -> name -> (mean, deviation).
        names: Dict from names to digits.
    """
    headings = {"ari_fg": "ARI-FG", "msc_fg": "MSC-FG", "ari": "ARI", "msc": "MSC"}
    headings |= {"elbo": "ELBO", "fid": "FID"}
    columns = []
    for dataset, scores in table.items():
        for name, digits in names.items():

            def value_of(model, mask_loss, scores=scores, name=name):
                return "-" if mask_loss else scores.get(model, {}).get(name, "-")

            heading = f"{headings[name]}, {dataset} (paper)"
            columns.append((heading, digits, None, value_of))
    return columns
