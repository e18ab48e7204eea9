"""The model card of a preset, and the table of several."""

from genesis_keras.types import Config

_KINDS = {"object_masks": "object masks", "masks": "attention masks"}
_SCORES = {"ari_fg": "ARI-FG", "msc_fg": "MSC-FG", "ari": "ARI", "msc": "MSC"}
_FACTS = {
    "dataset": "data set",
    "command": "command",
    "steps": "steps",
    "seed": "seed",
    "minutes": "minutes",
    "hardware": "hardware",
    "commit": "commit",
    "parameters": "parameters",
    "image_size": "side of the images",
    "num_slots": "K in training",
    "weights_dtype": "weights stored as",
    "date": "written on",
    "licence": "licence",
}
_EARLIER_FACTS = ("name", "dataset", "steps", "minutes", "command")
_UNKNOWN = "not recorded"
_COLUMNS = (
    "preset",
    "class",
    "trained on",
    "size",
    "K",
    "parameters",
    "minutes",
    "ARI-FG pi",
    "MSC-FG pi",
    "ARI-FG m",
    "MSC-FG m",
)


def model_card(name: str, metadata: Config) -> str:
    """Returns the model card of a preset in Markdown.

    Args:
        name: Name of the preset.
        metadata: See `writing.write_preset`.
    """
    kind = metadata["class"]
    licence = str(metadata.get("licence") or "").lower()
    header = ["---", "library_name: keras", "pipeline_tag: image-segmentation"]
    header += [f"license: {licence}"] if licence else []
    parts = [
        "\n".join([*header, "tags:", "- object-centric-learning", "---"]),
        f"# {name}",
        _description(metadata),
        f'```python\nimport genesis_keras\n\nmodel = genesis_keras.{kind}.from_preset("'
        f'{name}")\nfound = genesis_keras.segment(model, "picture.png")\n```',
        "## Training\n\n" + _facts_table(metadata),
        *_earlier_training(metadata.get("earlier_training") or []),
        "## Scores\n\n" + _scores_table(metadata.get("scores") or {}),
    ]
    return "\n\n".join(parts) + "\n"


def presets_table(presets: dict[str, Config]) -> str:
    """Returns a Markdown table of presets.

    Args:
        presets: Dict from names to metadata. Scores are those of the first split, with
            the number of slots of training: pi are the object masks, m the attention
            masks. Minutes include those of earlier runs that the training continued.
    """
    lines = ["| " + " | ".join(_COLUMNS) + " |", "| --- " * len(_COLUMNS) + "|"]
    for name, metadata in presets.items():
        scores = next(iter((metadata.get("scores") or {}).values()), {})
        scores = scores.get("fixed", {})
        cells = [
            f"`{name}`",
            f"`{metadata['class']}`",
            f"`{metadata.get('dataset') or _UNKNOWN}`",
            f"{metadata['image_size']}",
            f"{metadata['num_slots']}",
            f"{metadata['parameters']:,}",
            _text(_all_minutes(metadata)),
            *(
                _score(scores, f"{kind}/{score}")
                for kind in _KINDS
                for score in ("ari_fg", "msc_fg")
            ),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def trained_on(metadata: Config) -> str:
    """Returns a sentence about the training data of a preset.

    Args:
        metadata: See `writing.write_preset`.
    """
    if not metadata.get("dataset"):
        return "What this model was trained on is not recorded."
    size = metadata["image_size"]
    return (
        f"This model was trained on {metadata['dataset']} ({size}x{size}); on "
        "pictures unlike those its segments may mean nothing."
    )


def _description(metadata):
    text = metadata.get("description") or (
        f"A {metadata['class']} that splits pictures into objects, trained without "
        "labels by genesis-keras."
    )
    return f"{text} {trained_on(metadata)}"


def _facts_table(metadata):
    lines = ["| | |", "| --- | --- |"]
    for key, title in _FACTS.items():
        value = metadata.get(key)
        if key == "parameters":
            value = f"{value:,}"
        elif key == "command" and value:
            value = f"`{value}`"
        lines.append(f"| {title} | {_text(value)} |")
    found = ", ".join(f"{k} {v}" for k, v in metadata.get("versions", {}).items())
    lines.append(f"| versions | {found or _UNKNOWN} |")
    return "\n".join(lines)


def _earlier_training(runs):
    """Returns the paragraphs about the runs that the training continued."""
    if not runs:
        return []
    rows = [
        [f"`{run['name']}`", *(_text(run.get(name)) for name in _EARLIER_FACTS[1:-1])]
        + [f"`{_text(run.get('command'))}`"]
        for run in runs
    ]
    lines = ["| " + " | ".join(row) + " |" for row in (_EARLIER_FACTS, *rows)]
    lines.insert(1, "| --- " * len(_EARLIER_FACTS) + "|")
    return ["It continued the training of these runs, in this order:", "\n".join(lines)]


def _all_minutes(metadata):
    """Returns the minutes of a training and of those that it continued, or None."""
    runs = [*(metadata.get("earlier_training") or []), metadata]
    minutes = [run.get("minutes") for run in runs]
    return None if None in minutes else round(sum(minutes), 2)


def _scores_table(scores):
    rows = [
        (split, mode, kind, values)
        for split, modes in scores.items()
        for mode, values in modes.items()
        for kind in _KINDS
        if f"{kind}/ari_fg" in values
    ]
    if not rows:
        return "None were measured."
    titles = ["split", "slots", "masks", "images", *_SCORES.values()]
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for split, mode, kind, values in rows:
        numbers = [_score(values, f"{kind}/{score}") for score in _SCORES]
        images = _text(values.get("num_images"))
        cells = [split, mode, _KINDS[kind], images, *numbers]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _score(scores, name):
    return f"{scores[name]:.3f}" if name in scores else "-"


def _text(value):
    return _UNKNOWN if value in (None, "") else str(value)
