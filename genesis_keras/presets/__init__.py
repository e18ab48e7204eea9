"""Presets: a model's settings, weights and what is known of them, in one folder.

The layout is that of KerasHub: `config.json`, `metadata.json`, `model.weights.h5` and
`README.md`, with a few pictures to try in `examples/`. `preset_model` gives every
model `from_preset`, `save_to_preset` and `presets`; `finding` turns a name, a folder
or an `hf://` address into a folder, `reading` and `writing` read and write one,
`sixteen_bits` halves the weights, and `card` writes the model card and the table that
`python -m genesis_keras.presets` prints. Modules here import Keras only inside
functions: names and metadata are read in no time.
"""
