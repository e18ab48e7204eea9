"""Writes a preset."""

import contextlib
import datetime
import importlib.metadata
import json
import platform
import shutil
import uuid
from collections.abc import Sequence

import numpy as np
from PIL import Image

from genesis_keras.presets import layout
from genesis_keras.presets.card import model_card
from genesis_keras.presets.sixteen_bits import store_in_16_bits
from genesis_keras.storage import local_path, new_folder
from genesis_keras.types import Array, Config, Model, PathLike

DTYPES = ("float32", "float16")
_PACKAGES = ("genesis-keras", "keras", "tensorflow", "numpy")
_NOT_CONFIG = ("build_config", "compile_config")


def write_preset(
    model: Model,
    folder: PathLike,
    metadata: Config | None = None,
    weights_dtype: str = "float32",
    examples: Sequence[Array] = (),
) -> Config:
    """Writes a preset atomically.

    Args:
        model: A model of this package.
        folder: The folder. An existing preset is replaced; other contents are an error.
        metadata: Dict of JSON types. The model card uses `description`, `dataset`,
            `command`, `steps`, `seed`, `minutes`, `hardware`, `commit`, `versions`,
            `earlier_training` (list of the runs that the training continued, oldest
            first, dicts of `name` and those facts), `scores` (split -> mode of slots ->
            scores as `evaluate` returns them) and `licence`. Added are `class`,
            `parameters`, `image_size`, `num_slots`, `weights_dtype`, `date` and
            `versions`.
        weights_dtype: "float32", or "float16" for a file of half the size.
        examples: Example images, uint8 `[N, H, W, 3]`.

    Returns:
        The written metadata, a dict.

    Raises:
        ValueError: If `weights_dtype` is unknown, a weight is not finite, or the folder
            has other contents.
        OSError: If the folder cannot be written; an existing preset is not changed.
    """
    if weights_dtype not in DTYPES:
        raise ValueError(
            f"weights_dtype must be one of {', '.join(DTYPES)}; got {weights_dtype!r}"
        )
    for variable in model.trainable_weights:
        if not np.isfinite(variable.numpy()).all():
            raise ValueError(f"not saved: weight {variable.path} is not finite")
    import keras

    folder = local_path(folder)
    metadata = {**_facts(model, weights_dtype), **(metadata or {})}
    config = keras.saving.serialize_keras_object(model)
    config = {key: v for key, v in config.items() if key not in _NOT_CONFIG}
    with _replacing_preset(folder) as partial:
        _write_json(partial / layout.CONFIG_FILE, config)
        _write_json(partial / layout.METADATA_FILE, metadata)
        _without_optimizer(model).save_weights(partial / layout.WEIGHTS_FILE)
        if weights_dtype == "float16":
            store_in_16_bits(partial / layout.WEIGHTS_FILE)
        card = model_card(folder.name, metadata)
        (partial / layout.CARD_FILE).write_text(card)
        if len(examples):
            (partial / layout.EXAMPLES).mkdir()
        for index, image in enumerate(examples):
            path = partial / layout.EXAMPLES / f"{index}.png"
            Image.fromarray(np.asarray(image)).save(path, optimize=True)
    return metadata


def versions() -> dict[str, str]:
    """Returns the versions of Python and of relevant packages, by name."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _without_optimizer(model):
    """Returns a copy of a model without the optimiser, whose state Keras would save."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def _facts(model, weights_dtype):
    """Returns metadata of the model."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "class": type(model).__name__,
        "parameters": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        "image_size": model.image_size,
        "num_slots": model.num_slots,
        "weights_dtype": weights_dtype,
        "date": now.strftime("%Y-%m-%d"),
        "versions": versions(),
    }


@contextlib.contextmanager
def _replacing_preset(folder):
    """Yields a new folder, which then replaces a preset at `folder`."""
    if not folder.exists():
        with new_folder(folder) as partial:
            yield partial
        return
    if not layout.is_preset(folder):
        raise ValueError(
            f"{str(folder)!r} exists and is no preset; it is kept: name another folder"
        )
    fresh = folder.with_name(f".{uuid.uuid4().hex}.{folder.name}")
    with new_folder(fresh) as partial:
        yield partial
    old = folder.with_name(f".{uuid.uuid4().hex}.{folder.name}")
    folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2) + "\n")
