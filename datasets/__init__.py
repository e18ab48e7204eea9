"""TensorFlow Datasets builders of the data sets that GENESIS-V2 is trained on.

Importing this package registers them, so that `tfds.load("sprites")` works.

From a checkout's root the package is `datasets`. Installed it is
`genesis_keras_datasets`, since Hugging Face owns the other name in
site-packages. TFDS refuses to register a builder's name twice; a process that
imports the package under both names (an editable install used from the
checkout's root) therefore gets the same modules under the second name.
"""

import importlib
import sys

#: One folder, and one builder, each.
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
    """The name under which this package is already imported, or None."""
    for name in _PACKAGE_NAMES - {__name__}:
        # Hugging Face's `datasets` has no such attribute.
        if hasattr(sys.modules.get(name), "BUILDER_NAMES"):
            return name
    return None


def _alias(twin):
    """Makes this package's names mean the modules imported as `twin`."""
    for name, module in list(sys.modules.items()):
        if name == twin or name.startswith(f"{twin}."):
            sys.modules[__name__ + name.removeprefix(twin)] = module


if _twin():
    _alias(_twin())
else:
    for _name in BUILDER_NAMES:
        importlib.import_module(f"{__name__}.{_name}")
