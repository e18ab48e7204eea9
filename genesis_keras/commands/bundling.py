"""Makes a preset of a run, with scores of what is stored."""

import dataclasses
import pathlib
import shlex
import tempfile

import numpy as np

from genesis_keras.data.registry import get_spec
from genesis_keras.evaluation.images import ScoredImages
from genesis_keras.evaluation.protocol import Protocol, measure
from genesis_keras.models.base import SceneModel
from genesis_keras.presets.writing import write_preset
from genesis_keras.training.checkpoints import load_model
from genesis_keras.training.config import resolve
from genesis_keras.training.run_config import RunConfig
from genesis_keras.training.saved_files import find_model

MAX_BYTES = 5_000_000
"""Size of a preset that may go into the package."""
MAX_LOSS = 0.002
"""By how much 16-bit storage may change a score."""
LICENCE = "Apache-2.0"
_PLACES = ("data_dir", "manual_dir")  # of one machine
_NUM_EXAMPLES = 8
_SCORES = ("ari_fg", "msc_fg", "ari", "msc")
_KEPT = ("elbo", "kl", "error_per_value", "average_slots", "num_images")


def preset_of_run(
    workdir,
    name,
    out,
    weights_dtype="float16",
    splits=None,
    num_images=320,
    facts=None,
    max_bytes=MAX_BYTES,
):
    """Writes a preset of a run: of its newest model, finished or not.

    The scores are those of the model as it is read back from the preset, in float32.

    Args:
        workdir: Folder of the run.
        name: Name of the preset.
        out: Folder that receives it.
        weights_dtype: "float32" or "float16".
        splits: Splits to score, each NAME or NAME:K; by default all, the test first.
        num_images: Images of each split.
        facts: Dict of what the run does not know: `minutes`, `hardware`, `commit`,
            `description`; None where it is not known.
        max_bytes: Largest size of the preset.

    Returns:
        The preset's folder and its metadata.

    Raises:
        ValueError: The run has no model, a split is unknown, the preset is too large,
            or its scores differ from those of the run by more than `MAX_LOSS`.
        OSError: The preset cannot be written.
    """
    workdir, folder = pathlib.Path(workdir), pathlib.Path(out) / name
    config = RunConfig.load(workdir)
    path, step = find_model(workdir)
    if step is not None:
        print(f"{workdir} is not finished: using its checkpoint of step {step}")
    model = _in_float32(load_model(path))
    images = ScoredImages(
        config.dataset,
        model.image_size,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
    )
    protocol = Protocol(
        tuple(splits or _all_splits(config.dataset)),
        num_images=num_images,
        flexible_slots=model.has_flexible_slots,
        baselines=False,
    )
    metadata = {
        "dataset": config.dataset,
        "command": command_of(config),
        "settings": dataclasses.asdict(config),
        "steps": step or config.steps,
        "seed": config.seed,
        "licence": LICENCE,
        "protocol": {"num_images": num_images, "seed": protocol.seed},
        **(facts or {}),
    }
    metadata["settings"] |= dict.fromkeys(_PLACES, "")
    examples = _examples(images, protocol)
    with tempfile.TemporaryDirectory() as scratch:
        first = pathlib.Path(scratch) / name
        write_preset(model, first, metadata, weights_dtype, examples)
        size = sum(p.stat().st_size for p in first.rglob("*") if p.is_file())
        if size > max_bytes:
            raise ValueError(
                f"the preset has {size:,} bytes, more than {max_bytes:,}: use "
                "--weights_dtype=float16 or a smaller model"
            )
        stored = SceneModel.from_preset(first)
    results = measure(stored, images, protocol)
    _check_loss(model, images, protocol, results)
    metadata["scores"] = _scores(results, protocol)
    metadata = write_preset(model, folder, metadata, weights_dtype, examples)
    return folder, metadata


def command_of(config):
    """Returns the command that trains a run, with the flags that are not defaults.

    Args:
        config: The `RunConfig`.
    """
    settings = dataclasses.asdict(config)
    kept = {name: settings[name] for name in ("model", "dataset", "recipe")}
    chosen = {
        name: value
        for name, value in kept.items()
        if name != "recipe" and value != getattr(RunConfig, name)
    }
    if not config.recipe == get_spec(config.dataset).recipe == "fast":
        chosen["recipe"] = config.recipe  # the default depends on the machine
    if config.steps != resolve(kept).steps:
        chosen["steps"] = kept["steps"] = config.steps  # the schedule follows it
    usual = dataclasses.asdict(resolve(kept))
    chosen |= {
        name: value
        for name, value in settings.items()
        if name not in _PLACES and value != usual[name]
    }
    flags = [f"--{name}={value}" for name, value in chosen.items()]
    return shlex.join(["python", "train.py", *flags])


def _in_float32(model):
    """The same model, computing in float32 whatever it was trained in."""
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy.set_weights(model.get_weights())
    return copy


def _all_splits(dataset):
    """The splits of a data set, the test first."""
    splits = get_spec(dataset).splits
    return sorted(splits, key=lambda split: split != "test")


def _examples(images, protocol):
    split, _ = protocol.parse(protocol.splits[0])
    batch = images.first(split, _NUM_EXAMPLES)
    return np.round(255.0 * batch["image"].numpy()).astype(np.uint8)


def _scores(results, protocol):
    """Split -> mode of slots -> the scores to keep."""
    first = protocol.splits[0]
    found = {first: results["results"], **results.get("other_splits", {})}
    names = [
        f"{kind}/{score}" for kind in ("object_masks", "masks") for score in _SCORES
    ]
    return {
        split: {
            mode: {name: scores[name] for name in (*names, *_KEPT) if name in scores}
            for mode, scores in modes.items()
        }
        for split, modes in found.items()
    }


def _check_loss(model, images, protocol, results):
    """Raises ValueError where storage has changed the scores of the first split."""
    first = dataclasses.replace(protocol, splits=protocol.splits[:1])
    exact = _scores(measure(model, images, first), first)
    stored = _scores(results, protocol)
    for split, modes in exact.items():
        for mode, scores in modes.items():
            for name in (n for n in scores if "/" in n):
                loss = abs(scores[name] - stored[split][mode][name])
                if loss > MAX_LOSS:
                    raise ValueError(
                        f"{name} of {split} ({mode} slots) is "
                        f"{stored[split][mode][name]:.4f} as stored instead of "
                        f"{scores[name]:.4f}: use --weights_dtype=float32"
                    )
