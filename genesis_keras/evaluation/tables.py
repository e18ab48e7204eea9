"""The tables of a report, with the paper's results for comparison."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genesis_keras.evaluation import paper
from genesis_keras.evaluation.groups import Spread, text
from genesis_keras.evaluation.models_table import (
    NO_RUN,
    NOT_MEASURED,
    Table,
    models_table,
    our_columns,
    paper_columns,
)
from genesis_keras.presets.finding import preset_name

if TYPE_CHECKING:
    from genesis_keras.evaluation.groups import Group, Run
    from genesis_keras.evaluation.protocol import Protocol


def segmentation_table(groups: "Sequence[Group]") -> Table:
    """Returns the table of foreground segmentation (Table 1)."""
    columns = [
        *our_columns(groups, _foreground()),
        *paper_columns(paper.SEGMENTATION, {"ari_fg": 2, "msc_fg": 2}),
    ]
    return models_table(
        "Segmentation of the foreground (Table 1)",
        groups,
        columns,
        "Masks as in the paper: the attention masks, of Slot Attention the decoder's. "
        "Bold: the best generative model, and another where it is better still. "
        "Higher is better.",
    )


def all_pixels_table(groups: "Sequence[Group]") -> Table:
    """Returns the table of the segmentation of all pixels (Table 4)."""
    columns = [
        *our_columns(groups, _all_pixels()),
        *paper_columns(paper.ALL_PIXELS, {"ari": 2, "msc": 2}),
    ]
    return models_table(
        "Segmentation of all pixels (Table 4)",
        groups,
        columns,
        "The same masks, scored on all pixels. Higher is better.",
    )


def masks_table(groups: "Sequence[Group]") -> Table:
    """Returns the table that compares attention masks and object masks."""
    columns = our_columns(groups, _both_kinds())
    return models_table(
        "Attention masks m and object masks pi",
        groups,
        columns,
        "Both kinds of masks of the same runs: m is what pools the features, pi what "
        "the decoder draws. Bold as above.",
    )


def density_table(groups: "Sequence[Group]", protocol: "Protocol") -> Table:
    """Returns the table of ELBO and FID (Tables 3 and 5)."""
    counts = [group.value("fid", "num_images") for group in groups]
    images = sorted({int(count.mean) for count in counts if count is not None})
    here = "not measured here"
    if images:
        sizes = ", ".join(map(str, images))
        here = f"of {protocol.num_samples} samples and {sizes} images here"
    columns = [
        *our_columns(groups, _density()),
        *paper_columns(paper.DENSITY, {"elbo": 0, "fid": 1}),
        *paper_columns(paper.REAL_FID, {"fid": 1}),
    ]
    return models_table(
        "Density and generation (Tables 3 and 5)",
        groups,
        columns,
        "ELBO in nats per image, higher is better; it depends on the size of the "
        "images and on sigma_x (0.7 and 64x64 in the paper). FID: lower is better; "
        f"{here}, "
        "of 10,000 and 10,000 in the paper. "
        "SWD: sliced Wasserstein distance of Laplacian-pyramid patches, times 1000, of "
        f"as many samples as images ({_samples(groups)}); lower is better; "
        f"{_between_images(groups)}. "
        "Slot Attention has none of the three. The paper's FID of GENESIS-V2 on "
        "ShapeStacks is in its Table 3 and not recorded here.",
    )


def _samples(groups):
    counts = [group.value("sliced_wasserstein", "num_samples") for group in groups]
    counts = sorted({int(count.mean) for count in counts if count is not None})
    return ", ".join(map(str, counts)) or NOT_MEASURED


def _between_images(groups):
    """What the distance is between two sets of images of a data set."""
    found = {}
    for group in groups:
        value = group.value("sliced_wasserstein", "images", "mean")
        if value is not None:
            found[group.dataset] = text(Spread(value.mean, None), 1)
    listed = ", ".join(f"{value} of {dataset}" for dataset, value in found.items())
    return f"between two sets of images it is {listed or NOT_MEASURED}"


def slots_table(groups: "Sequence[Group]") -> Table:
    """Returns the table of the use of slots, with warnings of the training."""
    header = ["model", "data set", "runs", "used slots", "largest slot", "entropy"]
    header += ["KL, nats", "error", "warnings at the end of training"]
    rows = []
    for group in groups:
        scores = [
            (group.value("results", "fixed", f"object_masks/{name}"), digits)
            for name, digits in (
                ("used_slots", 1),
                ("largest_slot", 2),
                ("mask_entropy", 2),
            )
        ]
        scores.append((group.value("results", "fixed", "kl"), 1))
        scores.append((group.value("results", "fixed", "error_per_value"), 4))
        cells = ["-" if value is None else text(value, d) for value, d in scores]
        rows.append(
            [_title(group), group.dataset, str(len(group.runs)), *cells, _warned(group)]
        )
    note = (
        "Of the object masks: slots with at least 1% of an image's pixels, share of "
        "the pixels in the largest slot, entropy of the masks at a pixel (1: all slots "
        "alike). One used slot, or a KL near 0, is a collapse. The error is in nats "
        "per pixel and channel; of Slot Attention the mean squared error."
    )
    return Table("How the slots are used", header, rows, note)


def flexible_table(groups: "Sequence[Group]") -> Table:
    """Returns the table of fixed and flexible numbers of slots (Table 2)."""
    names = {"average_slots": 1, "slots_mae": 1, "ari_fg": 2, "msc_fg": 2}  # paper's
    rows = []
    ours = [group for group in groups if group.model == "genesis_v2"]
    for group in ours:
        for mode in ("fixed", "flexible"):
            cells = []
            for name in names:
                prefix = "" if "slots" in name else "masks/"
                value = group.value("results", mode, prefix + name)
                cells.append(NOT_MEASURED if value is None else text(value))
            loss = "yes" if group.mask_loss else "no"
            stop = group.runs[0].results.get("min_mask_pixels")
            shown = mode if mode == "fixed" or stop is None else f"{mode}, {stop:g} px"
            rows.append([f"{group.dataset}, {_runs(group)}", loss, shown, *cells])
    if not ours:
        rows.append(["ours", "", NO_RUN, *[NO_RUN] * len(names)])
    for (dataset, loss, mode), scores in paper.FLEXIBLE:
        cells = [text(scores[name], digits) for name, digits in names.items()]
        rows.append([f"{dataset} (paper)", loss, mode, *cells])
    note = (
        "GENESIS-V2. With flexible slots an image stops before a mask of fewer pixels "
        "(px) than its row says; in the paper fewer than 70 for ObjectsRoom and 20 for "
        "ShapeStacks, at 64x64. MAE: to the number of foreground objects plus one."
    )
    header = ["data set", "mask loss", "slots", "average K", "MAE", "ARI-FG", "MSC-FG"]
    return Table("Fixed and flexible number of slots (Table 2)", header, rows, note)


def objects_table(groups: "Sequence[Group]") -> Table:
    """Returns the table of ARI-FG and MSC-FG by number of objects and split."""
    splits = list(dict.fromkeys(s for g in groups for s in _by_objects(g)))
    counts = sorted(
        {int(n) for g in groups for s in _by_objects(g).values() for n in s}
    )
    counts = [n for n in counts if n]  # there is no score without objects
    rows = []
    for split in splits:
        for group in groups:
            cells = []
            for count in counts:
                path = ("by_objects", split, str(count))
                kind = paper.MASKS[group.model]
                scores = [
                    group.value(*path, f"{kind}/{name}")
                    for name in ("ari_fg", "msc_fg")
                ]
                images = _by_objects(group).get(split, {}).get(str(count), {})
                cells.append(
                    "-"
                    if None in scores
                    else f"{' / '.join(map(text, scores))} ({images['num_images']})"
                )
            rows.append([split, group.dataset, _title(group), *cells])
    header = ["split", "data set", "model", *(_plural(n, "object") for n in counts)]
    note = (
        "ARI-FG / MSC-FG for each number of objects in the image, in brackets the "
        "number of images; K is that of training, or after the split's colon."
    )
    return Table("By number of objects, out of distribution too", header, rows, note)


def runs_table(runs: "Sequence[Run]") -> Table:
    """Returns the table of runs."""
    header = ["run", "model", "data set", "seed", "steps", "batch", "size", "K"]
    header += ["minutes", "state"]
    rows = []
    for run in runs:
        settings = run.settings
        names = "model dataset seed steps batch_size image_size num_slots".split()
        cells = [str(settings.get(name, "?")) for name in names]
        minutes = f"{run.watch[-1]['seconds'] / 60:.1f}" if run.watch else "?"
        state = f"not scored: {run.error}" if run.error else "scored"
        if start := settings.get("init_from_preset"):
            state += f"; started from {preset_name(start)}"
        rows.append([run.name, *cells, minutes, state.replace("|", "/")])
    note = "Minutes of training, its validations and pictures included."
    if any(run.settings.get("init_from_preset") for run in runs):
        note += " Those of the weights from which a run started are not included."
    return Table("Runs", header, rows, note)


def _score(name):
    def value(group):
        return group.value("results", "fixed", f"{paper.MASKS[group.model]}/{name}")

    return value


def _foreground():
    return [
        ("ARI-FG", 2, True, _score("ari_fg")),
        ("MSC-FG", 2, True, _score("msc_fg")),
    ]


def _all_pixels():
    return [("ARI", 2, True, _score("ari")), ("MSC", 2, True, _score("msc"))]


def _both_kinds():
    return [
        (
            f"{heading} {symbol}",
            2,
            True,
            lambda group, key=f"{kind}/{name}": group.value("results", "fixed", key),
        )
        for name, heading in (("ari_fg", "ARI-FG"), ("msc_fg", "MSC-FG"))
        for kind, symbol in (("masks", "m"), ("object_masks", "pi"))
    ]


def _density():
    def generative(*keys):
        def value(group):
            return group.value(*keys) if paper.GENERATIVE[group.model] else "-"

        return value

    return [
        ("ELBO", 0, True, generative("results", "fixed", "elbo")),
        ("FID", 1, False, generative("fid", "fid")),
        ("SWD", 1, False, generative("sliced_wasserstein", "samples", "mean")),
    ]


def _by_objects(group):
    return group.runs[0].results.get("by_objects", {})


def _title(group):
    return paper.TITLES[group.model] + (", mask loss" if group.mask_loss else "")


def _warned(group):
    """Returns the number of runs that ended with a warning, and the warnings."""
    last = [run.watch[-1]["warnings"] for run in group.runs if run.watch]
    if not last:
        return "not watched"
    warned = [w for w in last if w]
    if not warned:
        return "none"
    kinds = sorted({sentence.split(":")[0] for w in warned for sentence in w})
    return f"{len(warned)} of {len(last)}: {', '.join(kinds)}"


def _runs(group):
    return _plural(len(group.runs), "run")


def _plural(number, noun):
    return f"{number} {noun}{'s' * (number != 1)}"
