"""The mixture likelihood, posterior and prior, as TFP distributions.

Distribution objects are only used within functions; layers exchange tensors. `tfd` is
`tfp.distributions`, which is imported on first use because this takes a second.
"""

import keras  # noqa: F401  Before all modules here: see genesis_keras/__init__.py.


def __getattr__(name):
    if name == "tfd":
        import tensorflow_probability

        return tensorflow_probability.distributions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
