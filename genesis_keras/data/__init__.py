"""Data sets and the input pipeline.

`load` gives batches by name; `get_spec` what is known about a data set. The
TFDS builders themselves are in the `datasets` folder, imported on first use.
"""

from genesis_keras.data.registry import SPECS as SPECS
from genesis_keras.data.registry import DatasetSpec as DatasetSpec
from genesis_keras.data.registry import get_spec as get_spec


def __getattr__(name):
    if name == "load":  # needs TensorFlow, which the registry does without
        from genesis_keras.data.pipeline import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
