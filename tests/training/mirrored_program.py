"""Trains and evaluates on one and on two logical devices; prints what differs.

    python tests/training/mirrored_program.py MODEL STEPS [EPSILON]

With Adam's usual epsilon of 1e-8 a weight whose gradient is nothing but rounding (one
that a normalisation takes away again) moves as far as any other, so that equal runs
differ in it. With a large one, 1 by default, weights can be compared.

The number of logical devices is fixed when TensorFlow starts, hence a program.
"""

import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from genesis_keras import GECO
from genesis_keras.evaluation.segmentation import evaluate
from genesis_keras.models.registry import MODELS
from genesis_keras.training.distribution import distribute, make_strategy

BATCH_SIZE = 4
SETTINGS = {
    "genesis_v2": {"feature_dim": 8, "mask_guidance": 0.1},
    "slot_attention": {"num_iterations": 1, "filters": 8, "slot_dim": 8},
}


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})


def run(name, num_steps, epsilon, strategy):
    rng = np.random.default_rng(0)
    images = rng.uniform(size=[BATCH_SIZE * num_steps, 32, 32, 3]).astype("float32")
    labels = rng.integers(2, size=[5, 32, 32, 1]).astype("int32")
    with strategy.scope():
        keras.utils.set_random_seed(0)
        settings = SETTINGS.get(name, {})
        model = MODELS[name](image_size=32, num_slots=2, seed=0, **settings)
        model.compile(keras.optimizers.Adam(1e-3, epsilon=epsilon))
    batches = tf.data.Dataset.from_tensor_slices({"image": images})
    batches = batches.batch(BATCH_SIZE, drop_remainder=True)
    recorder = Recorder()
    geco = [GECO(goal=0.5, step_size=1e-6)] if model.has_likelihood else []
    start = time.perf_counter()
    model.fit(
        distribute(batches, strategy, BATCH_SIZE),
        steps_per_epoch=num_steps,
        shuffle=False,
        verbose=0,
        callbacks=[*geco, recorder],
    )
    seconds = time.perf_counter() - start
    # The last batch has one image: a replica has none.
    held_out = {"image": images[:5], "segmentation": labels}
    held_out = tf.data.Dataset.from_tensor_slices(held_out).batch(BATCH_SIZE)
    return {
        "model": model,
        "logs": recorder.logs,
        "evaluation": model.evaluate(held_out, verbose=0, return_dict=True),
        "scores": evaluate(model, held_out),
        "seconds": seconds,
    }


def difference(first, second):
    """The largest relative difference of two dicts of numbers."""
    pairs = [(first[name], second[name]) for name in first]
    return max(abs(a - b) / max(1.0, abs(a)) for a, b in pairs if a == a)


def main(name, num_steps, epsilon=1.0):
    cpu = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, devices)
    one = run(name, num_steps, epsilon, make_strategy("none"))
    two = run(name, num_steps, epsilon, make_strategy("mirrored"))

    def moments(result):
        return result["model"].optimizer.variables

    def largest(variables, others):
        return max(
            (float(np.abs(a.numpy() - b.numpy()).max()), a.path)
            for a, b in zip(variables, others, strict=True)
        )

    scale = max(float(np.abs(v.numpy()).max()) for v in moments(one) if v.shape.rank)
    moment, path = largest(moments(one), moments(two))
    result = {
        "logs": max(map(difference, one["logs"], two["logs"])),
        "evaluation": difference(one["evaluation"], two["evaluation"]),
        "scores": difference(one["scores"], two["scores"]),
        "weights": largest(one["model"].weights, two["model"].weights),
        # Adam's moments are means of the gradients, and of their squares.
        "moments": (moment / scale, path),
        "largest_moment": scale,
        "num_updates": int(two["model"].geco.num_updates.numpy()),
        "last_logs": two["logs"][-1],
        "seconds": [one["seconds"], two["seconds"]],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))
