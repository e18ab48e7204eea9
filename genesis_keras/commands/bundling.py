"""Creates a preset from a run, with the scores of the stored weights."""

import dataclasses
import tempfile

import numpy as np

from genesis_keras.data.registry import get_spec
from genesis_keras.evaluation.images import ScoredImages
from genesis_keras.evaluation.protocol import Protocol, measure
from genesis_keras.models.base import SceneModel
from genesis_keras.presets.reading import read_metadata
from genesis_keras.presets.writing import write_preset
from genesis_keras.storage import local_path
from genesis_keras.training.checkpoints import load_model
from genesis_keras.training.run_config import RunConfig
from genesis_keras.training.run_preset import run_metadata
from genesis_keras.training.saved_files import find_model, read_record

MAX_BYTES = 5_000_000
"""Maximum size of a bundled preset."""
MAX_LOSS = 0.002
"""Maximum change of a score by 16-bit storage."""
TOLERANCE = 1e-3
"""By how much a score may differ from the metadata's."""
LICENCE = "Apache-2.0"
_NUM_EXAMPLES = 8
_MORE_OBJECTS = 2  # of the sprites' split of that name
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
    """Writes a preset of the newest model of a run, finished or not.

    The scores are those of the model that is loaded from the preset, in float32.

    Args:
        workdir: Folder of the run.
        name: Name of the preset.
        out: Parent folder of the preset.
        weights_dtype: "float32" or "float16".
        splits: Splits to evaluate, each NAME or NAME:K; by default all, beginning with
            the test split.
        num_images: Number of images per split.
        facts: Dict of what replaces what the run has recorded: `minutes`,
            `hardware`, `commit`, `description`; None where it is to stay.
        max_bytes: Maximum size of the preset.

    Returns:
        The folder of the preset and its metadata.

    Raises:
        ValueError: If the run has no model, a split is unknown, the preset is too
            large, or its scores differ from those of the run by more than `MAX_LOSS`.
        OSError: If the preset cannot be written.
    """
    workdir, folder = local_path(workdir), local_path(out) / name
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
    splits = tuple(splits or _all_splits(config.dataset))
    protocol = _protocol(model, splits, num_images).for_dataset(config.dataset)
    metadata = {
        **run_metadata(config, {"step": step or config.steps, **read_record(path)}),
        "licence": LICENCE,
        "protocol": {
            "num_images": num_images,
            "seed": protocol.seed,
            "min_mask_pixels": protocol.min_mask_pixels,
        },
        **{name: v for name, v in (facts or {}).items() if v is not None},
    }
    examples = _examples(images, protocol)
    with tempfile.TemporaryDirectory() as scratch:
        first = local_path(scratch) / name
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


def check_preset(preset, data_dir=None, manual_dir=None):
    """Evaluates a preset again and compares the scores with its metadata.

    Args:
        preset: Name, folder or `hf://` address.
        data_dir: Folder of the data; None is TFDS's default.
        manual_dir: Folder of manually downloaded source files.

    Returns:
        The largest difference of a segmentation score, and the number of scores.

    Raises:
        ValueError: If there is no such preset, or it has no scores.
    """
    metadata = read_metadata(preset)
    recorded = metadata.get("scores") or {}
    if not recorded or "protocol" not in metadata:
        raise ValueError(f"preset={str(preset)!r} has no scores to compare with")
    model = SceneModel.from_preset(preset)
    images = ScoredImages(
        metadata["dataset"],
        model.image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
    )
    # Presets that do not record their threshold were evaluated with 20.
    settings = {"min_mask_pixels": 20.0, **metadata["protocol"]}
    protocol = _protocol(model, tuple(recorded), **settings)
    found = _scores(measure(model, images, protocol), protocol)
    differences = _differences(recorded, found)
    return max(differences.values()), len(differences)


def _protocol(model, splits, num_images, seed=0, min_mask_pixels=None):
    return Protocol(
        splits,
        num_images=num_images,
        seed=seed,
        min_mask_pixels=min_mask_pixels,
        flexible_slots=model.has_flexible_slots,
        baselines=False,
    )


def _in_float32(model):
    """Returns the model with float32 computations."""
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy.set_weights(model.get_weights())
    return copy


def _all_splits(dataset):
    """The splits of a data set, the test first, each with slots enough."""
    spec = get_spec(dataset)
    more = {"more_objects": f"more_objects:{spec.num_slots + _MORE_OBJECTS}"}
    splits = sorted(spec.splits, key=lambda split: split != "test")
    return [more.get(split, split) for split in splits]


def _examples(images, protocol):
    split, _ = protocol.parse(protocol.splits[0])
    batch = images.first(split, _NUM_EXAMPLES)
    return np.round(255.0 * batch["image"].numpy()).astype(np.uint8)


def _scores(results, protocol):
    """Returns split -> mode of slots -> scores for the metadata."""
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
    """Raises `ValueError` if storage has changed the scores of the first split."""
    first = dataclasses.replace(protocol, splits=protocol.splits[:1])
    exact = _scores(measure(model, images, first), first)
    stored = _scores(results, protocol)
    for (split, mode, name), loss in _differences(exact, stored).items():
        if loss > MAX_LOSS:
            raise ValueError(
                f"{name} of {split} ({mode} slots) is "
                f"{stored[split][mode][name]:.4f} as stored instead of "
                f"{exact[split][mode][name]:.4f}: use --weights_dtype=float32"
            )


def _differences(scores, others):
    """Differences of the scores of masks, by split, mode of slots and name."""
    return {
        (split, mode, name): abs(value - others[split][mode][name])
        for split, modes in scores.items()
        for mode, values in modes.items()
        for name, value in values.items()
        if "/" in name
    }
