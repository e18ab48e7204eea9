"""Data sets and the input pipeline.

`load` returns batches of a data set by name, and `get_spec` its specification. The TFDS
builders are in the `datasets` folder and are imported on first use.
"""

from genesis_keras.data.registry import SPECS as SPECS
from genesis_keras.data.registry import DatasetSpec as DatasetSpec
from genesis_keras.data.registry import get_spec as get_spec


def __getattr__(name):
    if name == "load":  # imports TensorFlow, unlike the registry
        from genesis_keras.data.pipeline import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
