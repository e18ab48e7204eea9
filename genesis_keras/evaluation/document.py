"""The report on several runs: a Markdown file, a JSON file and figures."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genesis_keras.environment import environment
from genesis_keras.evaluation import paper, tables
from genesis_keras.evaluation.generalization_tables import probe_table, shifts_table
from genesis_keras.evaluation.groups import group_runs
from genesis_keras.evaluation.scores_table import scores_table
from genesis_keras.storage import local_path, replacing, write_json
from genesis_keras.types import Config, PathLike
from genesis_keras.visualization import Chart, Line, line_charts, save_figures

if TYPE_CHECKING:
    from genesis_keras.evaluation.groups import Run
    from genesis_keras.evaluation.protocol import Protocol

REPORT_FILE, JSON_FILE = "report.md", "report.json"


def write_report(
    folder: PathLike,
    runs: "Sequence[Run]",
    protocol: "Protocol",
    figures: Config,
    command: str,
    pdf: bool = False,
) -> None:
    """Writes `report.md`, `report.json` and the figures as PNG.

    Args:
        folder: Output folder; created if it does not exist.
        runs: The `Run`s, including those with an error.
        protocol: The `Protocol` of their evaluation.
        figures: Dict from file names without suffix to (picture, caption).
        command: The command that creates the report.
        pdf: Whether to write each figure as PDF as well.

    Raises:
        ValueError: If no run could be scored.
        OSError: If a file cannot be written; each that was there before is intact.
    """
    folder = local_path(folder)
    groups = group_runs(runs)
    if not groups:
        errors = "; ".join(f"{run.name}: {run.error}" for run in runs)
        raise ValueError(f"none of the runs could be scored: {errors}")
    figures = {**_charts(groups), **figures}
    pictures = {name: picture for name, (picture, _) in figures.items()}
    save_figures(folder, pictures, pdf)
    place = environment()
    sections = [
        _introduction(groups, protocol, place, command),
        *(table.markdown() for table in _tables(runs, groups, protocol)),
        *(
            f"## {name.replace('_', ' ').capitalize()}\n\n{caption}\n\n"
            f"![{caption.split('.')[0]}]({name}.png)\n"
            for name, (_, caption) in figures.items()
        ),
    ]
    with replacing(folder / REPORT_FILE) as partial:
        partial.write_text("\n".join(sections))
    write_json(folder / JSON_FILE, _as_json(runs, groups, protocol, place, command))


def _introduction(groups, protocol, place, command):
    datasets = list(dict.fromkeys(group.dataset for group in groups))
    split, num_slots = protocol.parse(protocol.splits[0])
    slots = "that of training" if num_slots is None else num_slots
    accelerators = f", {place['accelerators']}" if place["accelerators"] else ""
    return f"""# Results on {", ".join(datasets)}

Made by

```bash
{command}
```

on {place["date"]} ({place["machine"]}, CPU cores: {place["cores"]}{accelerators}; \
Python {place["python"]}, TensorFlow {place["tensorflow"]}, Keras {place["keras"]}).

Our numbers are means +- sample standard deviations over the runs, each of \
{protocol.num_images} images of the split `{split}`, K being {slots}, with one draw \
of the latents (seed {protocol.seed}). "{tables.NO_RUN}": this model was not trained \
on this data; "{tables.NOT_MEASURED}": it was, but not scored so. Columns marked \
"(paper)" are the numbers of the [GENESIS-V2 paper]({paper.SOURCE}), means over three \
seeds, on its own data sets and after 500,000 steps: they were not measured here, and \
they are no yardstick for numbers on other data. Definitions are in docs/metrics.md.
{_remarks(groups)}"""


def _remarks(groups):
    """Returns remarks about runs in one row that have different settings."""
    return "".join(
        f"\nThe runs of {group.model} on {group.dataset} differ in more than the seed: "
        f"{', '.join(group.differences())}.\n"
        for group in groups
        if group.differences()
    )


def _tables(runs, groups, protocol):
    chosen = [tables.runs_table(runs), tables.segmentation_table(groups)]
    chosen += [scores_table(groups)]
    chosen += [tables.masks_table(groups), tables.all_pixels_table(groups)]
    chosen += [tables.flexible_table(groups)]
    chosen += [tables.density_table(groups, protocol)]
    if any(any(run.results["by_objects"].values()) for g in groups for run in g.runs):
        chosen.append(tables.objects_table(groups))
    chosen += filter(None, [shifts_table(groups), probe_table(groups)])
    return [*chosen, tables.slots_table(groups)]


def _charts(groups):
    charts = {}
    sweeps = [group for group in groups if group.value("sweep", 0, "average_slots")]
    if sweeps:
        charts["thresholds"] = (
            line_charts([_sweep_chart(sweeps, *c) for c in _SWEPT]),
            "Flexible slots for several stopping thresholds. Means over the seeds; "
            "bars are standard deviations.",
        )
    watched = [group for group in groups if all(run.watch for run in group.runs)]
    curves = [_watch_chart(watched, *chart) for chart in _WATCHED] if watched else []
    if curves := [chart for chart in curves if chart is not None]:
        charts["training"] = (
            line_charts(curves),
            "Slots during training, on eight validation images. Means over the seeds; "
            "bars are standard deviations.",
        )
    return charts


_SWEPT = (
    ("average K", "average_slots"),
    ("MAE of K", "slots_mae"),
    ("ARI-FG", "masks/ari_fg"),
)
_WATCHED = (
    ("used slots", "used_slots"),
    ("largest slot", "largest_slot"),
    ("entropy of the masks", "mask_entropy"),
)


def _name(group, groups):
    name = paper.TITLES[group.model] + (", mask loss" if group.mask_loss else "")
    several = len({other.dataset for other in groups}) > 1
    return f"{name}, {group.dataset}" if several else name


def _line(name, x, values):
    kept = [(place, v) for place, v in zip(x, values, strict=True) if v is not None]
    error = [value.deviation or 0.0 for _, value in kept]
    return Line(name, [x for x, _ in kept], [v.mean for _, v in kept], error)


def _sweep_chart(groups, title, key):
    thresholds = [s["min_mask_pixels"] for s in groups[0].runs[0].results["sweep"]]
    places = list(range(len(thresholds)))
    lines = [
        _line(
            _name(group, groups), places, [group.value("sweep", i, key) for i in places]
        )
        for group in groups
    ]
    ticks = [(i, f"{t:g}") for i, t in enumerate(thresholds)]
    return Chart(title, lines, "threshold, pixels", ticks)


def _watch_chart(groups, title, key):
    lines = []
    for group in groups:
        length = min(len(run.watch) for run in group.runs)
        steps = [record["step"] for record in group.runs[0].watch[:length]]
        values = [group.watched(i, key) for i in range(length)]
        line = _line(_name(group, groups), steps, values)
        if any(map(math.isfinite, line.y)):
            lines.append(line)
    return Chart(title, lines, "step") if lines else None


def _as_json(runs, groups, protocol, place, command):
    return {
        "command": command,
        "environment": place,
        "protocol": vars(protocol),
        "groups": [
            {
                "dataset": group.dataset,
                "model": group.model,
                "mask_loss": group.mask_loss,
                "runs": [run.name for run in group.runs],
                "differences": group.differences(),
                "scores": group.scores(),
            }
            for group in groups
        ],
        "runs": [vars(run) for run in runs],
        "paper": {
            "source": paper.SOURCE,
            "segmentation": paper.SEGMENTATION,
            "flexible": [[*key, scores] for key, scores in paper.FLEXIBLE],
            "density": paper.DENSITY,
            "all_pixels": paper.ALL_PIXELS,
            "real_fid": paper.REAL_FID,
        },
    }
