"""Trains or evaluates on one and on two logical devices; prints what differs.

    python tests/training/mirrored_program.py train MODEL STEPS [EPSILON]
    python tests/training/mirrored_program.py evaluate MODEL

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
from genesis_keras.training.fused_adam import FusedAdam

BATCH_SIZE = 4
STRATEGIES = ("none", "mirrored")  # one device and two
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


def make_model(name, epsilon, strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        settings = SETTINGS.get(name, {})
        model = MODELS[name](image_size=32, num_slots=2, seed=0, **settings)
        model.compile(FusedAdam(1e-3, epsilon=epsilon))
    return model


def train(name, num_steps, epsilon, strategy_name):
    """Returns the model, the logs of every step and the seconds of all."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=[BATCH_SIZE * num_steps, 32, 32, 3]).astype("float32")
    strategy = make_strategy(strategy_name)
    model = make_model(name, epsilon, strategy)
    batches = tf.data.Dataset.from_tensor_slices({"image": images})
    batches = batches.batch(BATCH_SIZE, drop_remainder=True)
    recorder = Recorder()
    geco = [GECO(goal=0.57, step_size=1e-6)] if model.has_likelihood else []
    start = time.perf_counter()
    model.fit(
        distribute(batches, strategy, BATCH_SIZE),
        steps_per_epoch=num_steps,
        shuffle=False,
        verbose=0,
        callbacks=[*geco, recorder],
    )
    return model, recorder.logs, time.perf_counter() - start


def score(name, strategy_name):
    """Returns what Keras's `evaluate` and evaluate.py's say of random weights."""
    # The last batch has one image: a replica has none.
    rng = np.random.default_rng(0)
    images = rng.uniform(size=[BATCH_SIZE + 1, 32, 32, 3]).astype("float32")
    labels = rng.integers(2, size=[BATCH_SIZE + 1, 32, 32, 1]).astype("int32")
    held_out = {"image": images, "segmentation": labels}
    held_out = tf.data.Dataset.from_tensor_slices(held_out).batch(BATCH_SIZE)
    model = make_model(name, 1.0, make_strategy(strategy_name))
    for weight in model.trainable_weights:  # many begin at 0
        weight.assign_add(rng.normal(scale=0.1, size=weight.shape))
    return (
        model.evaluate(held_out, verbose=0, return_dict=True),
        evaluate(model, held_out),
    )


def difference(first, second):
    """The largest relative difference of two dicts of numbers."""
    pairs = [(first[name], second[name]) for name in first]
    return max(abs(a - b) / max(1.0, abs(a)) for a, b in pairs if a == a)


def largest(variables, others):
    """The largest difference, and the path of its variable."""
    return max(
        (float(np.abs(a.numpy() - b.numpy()).max()), a.path)
        for a, b in zip(variables, others, strict=True)
    )


def compare_training(name, num_steps, epsilon="1"):
    (one, logs, seconds), (two, logs_of_two, seconds_of_two) = (
        train(name, int(num_steps), float(epsilon), strategy) for strategy in STRATEGIES
    )
    moments = one.optimizer.variables
    scale = max(float(np.abs(v.numpy()).max()) for v in moments if v.shape.rank)
    moment, path = largest(moments, two.optimizer.variables)
    return {
        "logs": max(map(difference, logs, logs_of_two)),
        "weights": largest(one.weights, two.weights),
        # Adam's moments are means of the gradients, and of their squares.
        "moments": (moment / scale, path),
        "largest_moment": scale,
        "num_updates": int(two.geco.num_updates.numpy()),
        "last_logs": logs_of_two[-1],
        "seconds": [seconds, seconds_of_two],
    }


def compare_evaluation(name):
    one, two = (score(name, strategy) for strategy in STRATEGIES)
    evaluation, scores = map(difference, one, two)
    return {"evaluation": evaluation, "scores": scores, "refusal": refusal(name)}


def refusal(name):
    """Returns why two devices do not take XLA, the text of the error."""
    strategy = make_strategy("mirrored")
    model = make_model(name, 1.0, strategy)
    with strategy.scope():
        model.compile(keras.optimizers.Adam(), jit_compile=True)
    try:
        model.fit(np.zeros([4, 32, 32, 3], "float32"), batch_size=4, verbose=0)
    except ValueError as error:
        return str(error)
    return ""


COMMANDS = {"train": compare_training, "evaluate": compare_evaluation}

if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, devices)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
