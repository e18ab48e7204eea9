"""The models, with a common base class and a common output format.

`outputs` specifies the dict that every model returns, `base` holds the shared training
step, and `generative` what the models with a prior have in common. Each model has its
own file: `genesis_v2`, `genesis`, `monet`, `slot_attention`. `registry` looks models up
by name; `card` prints a table of their features and cost (counted by `operations`).
"""

import keras  # noqa: F401  Before all modules here: see genesis_keras/__init__.py.
