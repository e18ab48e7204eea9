"""The scores of a run as text of at most 100 columns."""

from genesis_keras.evaluation.baselines import TITLES, not_above
from genesis_keras.evaluation.label_scores import SEVERAL
from genesis_keras.types import Config, Scores

MASK_TITLES = {"masks": "attention masks m", "object_masks": "object masks pi"}
"""Kind of masks in `metrics.json` -> its name in tables."""

_COLUMNS = {
    "ari_fg": "ARI-FG",
    f"ari_fg_{SEVERAL}": "ARI-FG 2+",
    "ari_fg_tolerant": "1 px",
    "msc_fg": "MSC-FG",
    "miou_fg": "mIoU-FG",
    "recovery": "recovery",
    "ari": "ARI",
    "msc": "MSC",
}
_LEGEND = """\
2+: over the {} images with two objects or more. 1 px: ARI-FG without pixels within one
pixel of a true boundary. MSC-FG is also called mBO. recovery: share of objects with an
IoU above 0.5. metrics.json has all of these over 2+ images too."""


# Keys of `sample_distance`, in the order of the table.
_COMPARED = {
    "samples": "samples",
    "reconstructions": "reconstructions",
    "images": "other images",
}


def scores_text(results: Config) -> str:
    """Formats all scores of a run, as returned by `measure`."""
    stop = results.get("min_mask_pixels")
    parts = [split_text(results["results"], results.get("baselines"), stop)]
    baselines = results.get("other_baselines", {})
    parts += [
        f"{split}\n\n{split_text(scores, baselines.get(split), stop)}"
        for split, scores in results.get("other_splits", {}).items()
    ]
    if any(results["by_objects"].values()):
        parts.append(objects_table(results["by_objects"]))
    if results.get("fid"):
        numbers = "FID {fid:.2f} of {num_samples} samples and {num_images} images."
        parts.append(numbers.format(**results["fid"]))
    if results.get("sliced_wasserstein"):
        parts.append(distance_text(results["sliced_wasserstein"]))
    if results.get("shifts"):
        parts.append(shifts_text(results["results"]["fixed"], results["shifts"]))
    if results.get("probe"):
        parts.append(probe_text(results["probe"]))
    return "\n\n".join(parts)


def distance_text(distance: Config) -> str:
    """Returns the sliced Wasserstein distance of samples as text.

    Args:
        distance: What `sample_distance` returns.
    """
    number = distance["num_samples"]
    rows = [
        [title, *(f"{value:.1f}" for value in distance[name].values())]
        for name, title in _COMPARED.items()
        if distance.get(name)
    ]
    sides = [side if side == "mean" else f"{side} px" for side in distance["samples"]]
    table = _table(["sliced Wasserstein distance", *sides], rows)
    return (
        f"{table}\n\nOf {number} each to the first {number} images of the split, at "
        "each level of their Laplacian pyramids,\ntimes 1000; lower is better."
    )


def shifts_text(scores: Scores, shifts: dict[str, Scores]) -> str:
    """Returns the scores under distribution shifts, with their change, as text.

    Args:
        scores: Scores without a shift, as `evaluate` returns them.
        shifts: Dict of a shift's name -> its scores.
    """
    names = [
        f"{kind}/{score}" for kind in MASK_TITLES for score in ("ari_fg", "msc_fg")
    ]
    rows = [["none", *(f"{scores[name]:.3f}" for name in names)]]
    rows[0].append(f"{scores['mse']:.5f}")
    for shift, found in shifts.items():
        cells = [
            f"{found[name]:.3f} {found[name] - scores[name]:+.3f}" for name in names
        ]
        change = found["mse"] - scores["mse"]
        rows.append([shift, *cells, f"{found['mse']:.5f} {change:+.5f}"])
    header = ["shift", "ARI-FG m", "MSC-FG m", "ARI-FG pi", "MSC-FG pi", "MSE"]
    return f"{_table(header, rows)}\n\nBehind each score: its change by the shift."


def probe_text(probe: Config) -> str:
    """Returns how well probes predict the properties of objects, as text.

    Args:
        probe: What `evaluation.probe.probe` returns.
    """
    names = ("chance", "linear", "mlp", "untrained_linear", "untrained_mlp")
    rows = [
        [
            title,
            "accuracy" if scores["kind"] == "class" else "R^2",
            *(f"{scores[name]:.3f}" for name in names),
        ]
        for title, scores in probe["properties"].items()
    ]
    header = ["property", "measure", "chance", "linear", "MLP"]
    header += ["untrained, linear", "untrained, MLP"]
    masks = MASK_TITLES[probe["masks"]]
    return (
        f"{_table(header, rows)}\n\nProbes on the latents of the slots that match "
        f"{probe['num_objects']} objects ({masks}),\ntrained on "
        f"{probe['num_training_objects']} other objects; beside them the same probes "
        "on an untrained model."
    )


def one_line(results: Config) -> str:
    """Formats the most important scores of a run, as returned by `measure`."""
    scores = results["results"]["fixed"]
    names = {
        "masks/ari_fg": "ARI-FG m",
        "object_masks/ari_fg": "ARI-FG pi",
        "elbo": "ELBO",
        "object_masks/largest_slot": "largest slot",
    }
    parts = [f"{t} {scores[name]:.4g}" for name, t in names.items() if name in scores]
    if results.get("fid"):
        parts.append(f"FID {results['fid']['fid']:.4g}")
    return "  ".join(parts)


def objects_table(by_objects: dict[str, dict[str, Scores]]) -> str:
    """Returns a Markdown table of the scores for each number of objects.

    Args:
        by_objects: Nested dict: split -> number of objects -> scores.
    """
    kinds = [
        f"{title} {symbol}" for symbol in ("m", "pi") for title in ("ARI-FG", "MSC-FG")
    ]
    rows = []
    for split, numbers in by_objects.items():
        for number, scores in numbers.items():
            values = [
                f"{scores[f'{kind}/{name}']:.3f}"
                for kind in MASK_TITLES
                for name in ("ari_fg", "msc_fg")
            ]
            error = f"{scores['slots_mae']:.2f}"
            rows.append([split, number, str(scores["num_images"]), *values, error])
    return _table(["split", "objects", "images", *kinds, "K MAE"], rows)


def split_text(
    results: Config,
    baselines: dict[str, Scores] | None = None,
    min_mask_pixels: float | None = None,
) -> str:
    """Formats the scores of a model on a split.

    Args:
        results: Dict from "fixed" and "flexible" to scores as returned by `evaluate`.
        baselines: Dict returned by `baseline_scores`, or None.
        min_mask_pixels: Threshold of flexible slots, or None.
    """
    fixed = results["fixed"]
    lines = []
    if "masks/ari" in fixed:
        lines += [_table(_header(), _rows(fixed) + _baseline_rows(baselines or {}))]
        if baselines:
            lines += ["", verdict(fixed, baselines)]
        lines += ["", _LEGEND.format(fixed[f"num_{SEVERAL}"]), "", _slots(fixed)]
        if "flexible" in results:
            flexible = results["flexible"]
            lines += [_slots(flexible, _flexible_title(min_mask_pixels)), ""]
            lines += [_table(_header(), _rows(flexible))]
    lines += ["", _errors(fixed), _images(fixed)]
    return "\n".join(lines).strip("\n")


def verdict(scores: Scores, baselines: dict[str, Scores]) -> str:
    """Returns a text about whether a model exceeds all baselines.

    Args:
        scores: Mean scores as returned by `evaluate`.
        baselines: Dict returned by `baseline_scores`.
    """
    lines = ["Above every baseline on both ARI-FG and MSC-FG?"]
    for kind, title in MASK_TITLES.items():
        found = not_above(scores, baselines, kind)
        names = ", ".join(TITLES[name] for name in found)
        lines.append(f"  {title}: {f'no, not above {names}' if found else 'yes'}")
    return "\n".join(lines)


def _header():
    return ["segmentation", *_COLUMNS.values()]


def _rows(scores):
    return [
        [title, *(f"{scores[f'{kind}/{name}']:.3f}" for name in _COLUMNS)]
        for kind, title in MASK_TITLES.items()
    ]


def _baseline_rows(baselines):
    rows = []
    for name, scores in baselines.items():
        title = TITLES[name]
        if name == "strips":
            title = f"{scores['num_slots']} {title}"
        rows.append([title, *(f"{scores[column]:.3f}" for column in _COLUMNS)])
    return rows


def _table(header, rows):
    """Returns a Markdown table whose columns are aligned in plain text."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(map(str.ljust, cells, widths))} |" for cells in lines
    )


def _slots(scores, title="Slots"):
    return (
        f"{title}: {scores['average_slots']:.2f} on average; mean absolute error "
        f"{scores['slots_mae']:.2f} to objects + 1."
    )


def _flexible_title(min_mask_pixels):
    title = "Flexible slots"
    if min_mask_pixels is None:
        return title
    return f"{title} (stopping below {min_mask_pixels:g} pixels)"


def _images(scores):
    text = f"{scores['num_images']} images"
    if "num_without_foreground" not in scores:
        return f"{text}, without labels: no segmentation scores."
    left_out = scores["num_without_foreground"]
    return f"{text}; scores of the foreground leave out {left_out} without objects."


def _errors(scores):
    per_value = f"{scores['error_per_value']:.4f} per pixel and channel"
    if "elbo" not in scores:
        return (
            "ELBO -, KL - (no likelihood).\n"
            f"Squared reconstruction error: {scores['error']:.1f} per image, "
            f"{per_value}."
        )
    return (
        f"ELBO {scores['elbo']:.1f}, KL {scores['kl']:.1f} nats per image.\n"
        f"Reconstruction error: {scores['error']:.1f} nats per image, {per_value}; "
        f"MSE {scores['mse']:.5f}."
    )
