"""Weights and recorded passes of the authors' PyTorch release, in our layout.

    python -m genesis_keras.convert model.ckpt-FINAL --flags flags.json --out M.keras

makes a `.keras` file of a checkpoint, and

    python -m genesis_keras.convert FILE.npz --verify

builds the model that a recording describes, loads its weights, replays its draws
and prints one line for each tensor with its error; the exit status is 1 if one is
beyond tolerance. Only this package knows the release's names and its
channels-first layout: images `[B, 3, H, W]`, per-slot tensors `[B, K, C, H, W]`.
"""
