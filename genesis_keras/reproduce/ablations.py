"""The report of the ablations, with a row for each variant of GENESIS-V2."""

from genesis_keras.evaluation.groups import Group, text
from genesis_keras.evaluation.models_table import NOT_MEASURED, Table
from genesis_keras.storage import local_path, replacing, write_json

REPORT_FILE, JSON_FILE = "report.md", "report.json"
_COLUMNS = {
    "ARI-FG m": ("masks/ari_fg", 2),
    "MSC-FG m": ("masks/msc_fg", 2),
    "ARI-FG pi": ("object_masks/ari_fg", 2),
    "MSC-FG pi": ("object_masks/msc_fg", 2),
    "ELBO": ("elbo", 0),
    "KL": ("kl", 0),
}


def ablations_table(scored):
    """Returns the table of ablations.

    Args:
        scored: Dict from variants to lists of `Run`; runs with an error are skipped.

    Returns:
        A `Table`.
    """
    rows = []
    for variant, group in _groups(scored).items():
        cells = []
        for name, digits in _COLUMNS.values():
            value = group and group.value("results", "fixed", name)
            cells.append(NOT_MEASURED if value is None else text(value, digits))
        rows.append([variant, str(len(group.runs) if group else 0), *cells])
    return Table(
        "Ablations of GENESIS-V2",
        ["variant", "runs", *_COLUMNS],
        rows,
        "Means +- sample standard deviations over the runs, with as many slots as in "
        "training. m: attention masks; pi: object masks of the decoder.",
    )


def write_ablations(folder, scored, command):
    """Writes `report.md` and `report.json`.

    Args:
        folder: Output folder.
        scored: Dict from variants to lists of `Run`.
        command: The command that makes the report.

    Returns:
        The path of the report.

    Raises:
        ValueError: If no run could be scored.
        OSError: If a file cannot be written.
    """
    groups = _groups(scored)
    runs = [run for members in scored.values() for run in members]
    if not any(groups.values()):
        errors = "; ".join(f"{run.name}: {run.error}" for run in runs)
        raise ValueError(f"none of the runs could be scored: {errors}")
    folder = local_path(folder)
    table = ablations_table(scored).markdown()
    left_out = "".join(f"\n{run.name}: {run.error}\n" for run in runs if run.error)
    with replacing(folder / REPORT_FILE) as partial:
        partial.write_text(f"{table}\nMade by `{command}`.\n{left_out}")
    scores = {variant: g.scores() for variant, g in groups.items() if g}
    write_json(folder / JSON_FILE, {"command": command, "variants": scores})
    return folder / REPORT_FILE


def _groups(scored):
    """Returns variant -> `Group` of its runs without errors, None if there are none."""
    groups = {}
    for variant, runs in scored.items():
        good = tuple(run for run in runs if not run.error)
        settings = good[0].settings if good else {}
        groups[variant] = (
            Group(settings["dataset"], settings["model"], False, good) if good else None
        )
    return groups
