"""Conversion of weights and recorded passes of the authors' PyTorch release.

    python -m genesis_keras.convert model.ckpt-FINAL --flags flags.json --out M.keras

converts a checkpoint to a `.keras` file, and

    python -m genesis_keras.convert FILE.npz --verify

builds the model of a recording, loads its weights, replays it with the recorded random
numbers and prints the error of each tensor; the exit status is 1 if an error exceeds
its tolerance. Only this package depends on the release's names and its channels-first
layout: images `[B, 3, H, W]`, per-slot tensors `[B, K, C, H, W]`.
"""
