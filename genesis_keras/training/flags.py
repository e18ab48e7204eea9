"""The settings of a run as command line flags and as files."""

import dataclasses
import json
import pathlib

from absl import flags

from genesis_keras.training.config import RunConfig

_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define_settings():
    """Defines a flag for each setting, and `--config`.

    Returns:
        Function () -> dict of the settings that the user chose: those of the file,
        then the flags. It raises ValueError where the file cannot be read.
    """
    settings = {
        field.name: _DEFINE[field.type](field.name, None, field.metadata["help"])
        for field in dataclasses.fields(RunConfig)
    }
    file = flags.DEFINE_string(
        "config", None, "JSON file of settings, such as a search's best.json."
    )

    def chosen():
        values = {name: flag.value for name, flag in settings.items()}
        values = {name: value for name, value in values.items() if value is not None}
        return {**(read_settings(file.value) if file.value else {}), **values}

    return chosen


def read_settings(path):
    """Reads a JSON object of settings.

    Args:
        path: The file.

    Raises:
        ValueError: It is missing, or holds something else.
    """
    try:
        settings = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"config={str(path)!r} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"config={str(path)!r} holds no settings: {settings!r}")
    return settings
