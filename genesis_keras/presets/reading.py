"""Reads the metadata and the model of a preset."""

import json
from typing import Any

from genesis_keras.archive_sizes import check_hdf5
from genesis_keras.presets import layout
from genesis_keras.presets.finding import bundled_names, find_preset
from genesis_keras.storage import local_path
from genesis_keras.types import Config, Model, PathLike

_DAMAGE = (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError)
_SEED_STATE = "seed_generator_state"


def bundled_presets(kind: str = "SceneModel") -> dict[str, Config]:
    """Returns the metadata of the bundled presets.

    Args:
        kind: Name of the model class; "SceneModel" for all models.

    Returns:
        Dict from names to metadata, see `writing.write_preset`.
    """
    found = {name: read_metadata(name) for name in bundled_names()}
    return {
        name: metadata
        for name, metadata in found.items()
        if kind in ("SceneModel", metadata.get("class"))
    }


def read_metadata(preset: PathLike) -> Config:
    """Returns the metadata of a preset; `{}` if it has no `metadata.json`.

    Args:
        preset: See `find_preset`.

    Raises:
        ValueError: If there is no such preset, or its file is damaged.
        OSError: If it cannot be downloaded.
    """
    path = find_preset(preset) / layout.METADATA_FILE
    return _read_json(path) if path.exists() else {}


def read_config(preset: PathLike) -> tuple[str, Config]:
    """Returns the class of a preset's model and its arguments.

    Args:
        preset: See `find_preset`.

    Returns:
        The name of the class and a dict of the arguments of its constructor.

    Raises:
        ValueError: If there is no such preset, or its file is damaged.
        OSError: If it cannot be downloaded.
    """
    folder = find_preset(preset)
    config = _read_json(folder / layout.CONFIG_FILE)
    name, arguments = config.get("registered_name"), config.get("config")
    if not (isinstance(name, str) and isinstance(arguments, dict)):
        raise ValueError(
            f"preset={str(folder)!r} holds no model of this package: the class in "
            f"{layout.CONFIG_FILE} is {name!r}"
        )
    return name.partition(">")[2] or name, arguments


def read_preset(
    preset: PathLike, base: type, load_weights: bool = True, **settings: Any
) -> Model:
    """Returns the model of a preset.

    Args:
        preset: See `find_preset`.
        base: The required base class of the model.
        load_weights: Whether to load the weights; if False they are initialised
            randomly.
        **settings: Keyword arguments of the constructor that override those of the
            preset.

    Raises:
        ValueError: If there is no such preset, it belongs to another class or is
            damaged, or its weights do not fit the settings.
        OSError: If it cannot be downloaded.
    """
    folder = find_preset(preset)
    config = _read_json(folder / layout.CONFIG_FILE)
    model_class = _class_of(config, folder, base)
    try:
        model = model_class.from_config({**config["config"], **settings})
    except (TypeError, ValueError) as error:
        if settings:
            raise  # it may be of the caller, not of the preset
        raise ValueError(
            f"{str(folder / layout.CONFIG_FILE)!r} describes no model: {error}"
        ) from error
    if load_weights:
        _load_weights(model, folder / layout.WEIGHTS_FILE, settings)
    return model


def _class_of(config, folder, base):
    """Returns the model class by its registered name, without executing other code."""
    import keras

    name = config.get("registered_name")
    known = isinstance(name, str) and name
    model_class = keras.saving.get_registered_object(name) if known else None
    is_class = isinstance(model_class, type) and isinstance(config.get("config"), dict)
    if not (is_class and issubclass(model_class, keras.Model)):
        raise ValueError(
            f"preset={str(folder)!r} holds no model of this package: the class in "
            f"{layout.CONFIG_FILE} is {name!r}"
        )
    if not issubclass(model_class, base):
        raise ValueError(
            f"preset={str(folder)!r} holds a {model_class.__name__}, not a "
            f"{base.__name__}: call {model_class.__name__}.from_preset"
        )
    return model_class


def _load_weights(model, path, settings):
    # Random numbers depend on the model's seed, not on the state after training.
    states = [v for v in model.variables if v.path.endswith(_SEED_STATE)]
    values = [state.numpy() for state in states]
    try:
        check_hdf5(path)
        model.load_weights(path)
    except _DAMAGE as error:
        because = f" with {settings}" if settings else " or is damaged"
        first = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{str(path)!r} does not fit the model{because}: {first}"
        ) from error
    for state, value in zip(states, values, strict=True):
        state.assign(value)


def _read_json(path):
    try:
        content = json.loads(local_path(path).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{str(path)!r} must hold a JSON object; got {content!r}")
    return content
