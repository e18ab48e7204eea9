"""Trains GENESIS-V2 on sprites in several precisions; prints how losses differ.

    python tests/training/precision_program.py STEPS [PRECISION...]

Same weights, images and draws in all. Relative to float32: the loss of each step, and
the mean over the last 20 steps. As most of the loss is a constant of the likelihood,
also the latter relative to what the loss has above its smallest possible value.
"""

import json
import math
import sys
import time

import keras
import numpy as np

from genesis_keras import GECO
from genesis_keras.data.pipeline import load
from genesis_keras.training.config import resolve
from genesis_keras.training.run import build_model

WINDOW = 20
SETTINGS = {
    "dataset": "sprites/easy",
    "feature_dim": 16,
    "num_slots": 4,
    "batch_size": 8,
    "warmup_steps": 50,  # so that 200 steps train with the full rate
}


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses, self.skipped = [], 0.0

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))
        self.skipped += float(logs.get("skipped", 0.0))


def run(precision, num_steps):
    config = resolve({**SETTINGS, "precision": precision})
    keras.utils.set_random_seed(config.seed)
    model, recorder = build_model(config), Recorder()
    batches = load(
        config.dataset,
        "train",
        batch_size=config.batch_size,
        image_size=config.image_size,
        shuffle=True,
        repeat=True,
    )
    start = time.perf_counter()
    model.fit(
        batches,
        steps_per_epoch=num_steps,
        shuffle=False,
        verbose=0,
        callbacks=[GECO(initial_beta=config.geco_initial_beta), recorder],
    )
    seconds = time.perf_counter() - start
    outputs = model(next(iter(batches))["image"])
    masks = (outputs["masks"], np.exp(outputs["log_object_masks"]))
    floor = math.log(config.pixel_scale * math.sqrt(2 * math.pi))
    return {
        "losses": np.array(recorder.losses),
        "floor": floor * config.image_size**2 * 3,
        "skipped": recorder.skipped,
        "masks": max(float(np.abs(np.sum(m, axis=1) - 1).max()) for m in masks),
        "seconds": seconds,
    }


def running_mean(values):
    return np.convolve(values, np.ones(WINDOW) / WINDOW, "valid")


def main(num_steps, precisions):
    exact = run("float32", num_steps)
    losses = exact["losses"]
    print(f"float32: {losses[0]:.1f} to {losses[-1]:.1f} in {exact['seconds']:.0f} s")
    for precision in precisions:
        low = run(precision, num_steps)
        step = np.abs(low["losses"] / losses - 1)
        ours, theirs = running_mean(low["losses"]), running_mean(losses)
        result = {
            "precision": precision,
            "steps": num_steps,
            "step": float(step.max()),
            "running_mean": float(np.abs(ours / theirs - 1).max()),
            "above_floor": float(
                (np.abs(ours - theirs) / (theirs - exact["floor"])).max()
            ),
            "masks": low["masks"],
            "skipped": low["skipped"],
            "last_loss": float(low["losses"][-1]),
            "seconds": low["seconds"],
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    chosen = sys.argv[2:] or ["mixed_bfloat16", "mixed_float16"]
    main(int(sys.argv[1]), chosen)
