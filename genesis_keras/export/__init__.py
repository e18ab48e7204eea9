"""Export of trained models, for use without this package.

`signatures` defines the signatures of a served model; `checks`, `encoded_images` and
`batches` are parts of their graphs; `saved_model` writes them; `warmup` adds requests
that TensorFlow Serving runs first. `portable` writes ONNX and LiteRT files. The command
is `genesis-export`, or `python -m genesis_keras.export`.
"""
