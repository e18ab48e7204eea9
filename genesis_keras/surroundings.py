"""Checks Keras's global settings: backend, image data format, float type.

They may be set by the user's `keras.json`, environment variables or function calls,
possibly for another project. With unsupported settings, later errors would not reveal
the cause.
"""

import json
import os
import pathlib
import sys

_NEEDED = {
    "backend": "tensorflow",
    "image_data_format": "channels_last",
    "floatx": "float32",
}
_VARIABLE = "KERAS_BACKEND"


def problem():
    """Returns a line that explains why the models cannot be used, or None.

    Keras is not imported, since that fails if its backend is not installed.
    """
    configured = _configured()
    for name, needed in _NEEDED.items():
        value, origin = configured.get(name, (needed, ""))
        actual = _actual(name, value)
        if actual != value:
            value, origin = actual, f"keras.config.set_{name}"
        if value != needed:
            return (
                f"genesis_keras needs Keras with {name}={needed!r}; got {value!r} from "
                f"{origin}"
            )
    return None


def is_command():
    """Returns whether this program is one of the package's commands.

    They end with a line, and programs that import the package with an exception.
    """
    name = pathlib.Path(sys.argv[0]).name if sys.argv else ""
    if name == "-m":  # `python -m genesis_keras.export`, while it is being found
        words = sys.orig_argv
        return words[words.index("-m") + 1].partition(".")[0] == __package__
    return name.startswith("genesis-") or name in ("train.py", "evaluate.py")


def _configured():
    """Returns setting -> (value, origin), from files and environment variables."""
    path = _config_file()
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        content = {}
    if not isinstance(content, dict):
        content = {}
    result = {name: (content[name], f"the file {path}") for name in content}
    if backend := os.environ.get(_VARIABLE):
        result["backend"] = (backend, f"the environment variable {_VARIABLE}")
    return result


def _config_file():
    """Returns the configuration file that Keras reads."""
    folder = os.environ.get("KERAS_HOME")
    if folder is None:
        home = os.path.expanduser("~")
        folder = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    return pathlib.Path(folder, "keras.json").expanduser()


def _actual(name, configured):
    """Returns Keras's current value, or the configured one before its import."""
    config = getattr(sys.modules.get("keras"), "config", None)
    read = getattr(config, name, None)
    return configured if read is None else read()
