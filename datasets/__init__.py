"""TensorFlow Datasets builders of the data sets that GENESIS-V2 is trained on.

Importing this package registers them, so that `tfds.load("sprites")` works.

In a checkout the package is named `datasets`. Installed it is named
`genesis_keras_datasets`, since `datasets` in site-packages is the package of Hugging
Face. TFDS does not allow registering a builder twice. If a process imports the package
under both names (an editable install used from the root of the checkout), the second
name therefore refers to the same modules.
"""

import importlib
import sys

# : Each has its own folder and builder.
BUILDER_NAMES = (
    "apc",
    "clevr_with_masks",
    "clevrtex",
    "multi_dsprites",
    "objects_room",
    "shapestacks",
    "sketchy",
    "sprites",
    "tetrominoes",
)

_PACKAGE_NAMES = {"datasets", "genesis_keras_datasets"}


def _twin():
    """Returns the name under which this package is already imported, or None."""
    for name in _PACKAGE_NAMES - {__name__}:
        # Hugging Face's `datasets` has no such attribute.
        if hasattr(sys.modules.get(name), "BUILDER_NAMES"):
            return name
    return None


def _alias(twin):
    """Makes the names of this package refer to the modules imported as `twin`."""
    for name, module in list(sys.modules.items()):
        if name == twin or name.startswith(f"{twin}."):
            sys.modules[__name__ + name.removeprefix(twin)] = module


if _twin():
    _alias(_twin())
else:
    for _name in BUILDER_NAMES:
        importlib.import_module(f"{__name__}.{_name}")
