"""Models, on one base class and with one output contract.

`outputs` is the contract, `base` the training step that all share, `generative` what
those share that have a prior. Then one model a file: `genesis_v2`, `genesis`, `monet`,
`slot_attention`. `registry` finds them by name, `card`
prints what each can do and costs (`operations` counts).
"""

import keras  # noqa: F401  Before all modules here: see genesis_keras/__init__.py.
