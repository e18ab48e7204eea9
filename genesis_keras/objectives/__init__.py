"""Training objectives: the ELBO, mask consistency, and GECO's constraint."""

import keras  # noqa: F401  Before all modules here: see genesis_keras/__init__.py.
