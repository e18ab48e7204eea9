"""What Keras was set to outside of this package: backend, axes and types.

These settings come from the file `keras.json` of the user, from the environment or
from calls, and another project may need others. With them, the errors that follow
would say nothing of the cause.
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
    """Returns why the models cannot work, in one line; None where they can.

    Keras itself is not imported: with a backend that is not installed, that fails.
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


def _configured():
    """Setting -> value and origin, of what files and variables set."""
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
    """The file that Keras reads, found as Keras finds it."""
    folder = os.environ.get("KERAS_HOME")
    if folder is None:
        home = os.path.expanduser("~")
        folder = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    return pathlib.Path(folder, "keras.json").expanduser()


def _actual(name, configured):
    """The value that Keras has; the configured one where it is not imported yet."""
    config = getattr(sys.modules.get("keras"), "config", None)
    read = getattr(config, name, None)
    return configured if read is None else read()
