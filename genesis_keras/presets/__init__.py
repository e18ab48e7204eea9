"""Presets: folders with the configuration, weights and metadata of a model.

The layout is that of KerasHub: `config.json`, `metadata.json`, `model.weights.h5` and
`README.md`, optionally with example pictures in `examples/`. `preset_model` adds
`from_preset`, `save_to_preset` and `presets` to every model; `finding` resolves a name,
a folder or an `hf://` address to a folder; `reading` and `writing` read and write
presets; `sixteen_bits` stores weights as float16; `card` writes the model card and the
table that `python -m genesis_keras.presets` prints. Keras is only imported inside
functions, so that names and metadata can be read quickly.
"""
