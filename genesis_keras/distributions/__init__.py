"""Probability: the mixture likelihood, posterior and prior, as TFP distributions.

Distribution objects stay inside functions; only tensors cross layers. `tfd` is
`tfp.distributions`, imported when first used: it takes a second to import, and
`import genesis_keras` should take no longer than importing TensorFlow and Keras.
"""

import keras  # noqa: F401  Before all modules here: see genesis_keras/__init__.py.


def __getattr__(name):
    if name == "tfd":
        import tensorflow_probability

        return tensorflow_probability.distributions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
