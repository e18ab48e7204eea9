"""Measures the speedup by a second device or process, for GENESIS-V2.

    python benchmarks/scaling.py

Trains the same model on the same global batch in one process on one core and on all, on
two logical devices of one process, and in two and three processes that talk over the
loopback interface (two processes have a core each, three share all). A step's time is
the time between the ends of two steps of `fit`; the median of a run is shown, and the
fastest step. The cases are separate programs that run one after the other, so other
load on the machine can distort the comparison.
"""

import json
import os
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from genesis_keras.models.genesis_v2 import GenesisV2
from genesis_keras.training.distribution import distribute, make_strategy

# Name -> strategy, processes, and whether each process has a core of its own.
_CASES = {
    "one process, one core": ("none", 1, True),
    "one process": ("none", 1, False),
    "two logical devices": ("mirrored", 1, False),
    "two processes, a core each": ("multi_worker", 2, True),
    "three processes": ("multi_worker", 3, False),
}
_WARM_UP = 3  # steps: tracing, first allocations

FLAGS = flags.FLAGS
flags.DEFINE_integer("image_size", 64, "Side of the images.")
flags.DEFINE_integer("num_slots", 4, "K.")
flags.DEFINE_integer("feature_dim", 32, "F.")
flags.DEFINE_integer("batch_size", 12, "Images a step over all devices, 6 n.")
flags.DEFINE_integer("steps", 20, "Steps of each case.", lower_bound=1)
flags.DEFINE_multi_enum("case", list(_CASES), list(_CASES), "Cases; all if unset.")
flags.DEFINE_boolean("child", False, "Internal: run the case in this process.")


class Clock(keras.callbacks.Callback):
    """The times at which steps end."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())


def time_steps(strategy_name):
    """Trains here; prints a dict of the seconds of each step and the parameters."""
    if strategy_name == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    strategy = make_strategy(strategy_name)
    size, clock = FLAGS.image_size, Clock()
    images = tf.random.stateless_uniform([FLAGS.batch_size, size, size, 3], [0, 1])
    with strategy.scope():
        model = GenesisV2(
            image_size=size,
            num_slots=FLAGS.num_slots,
            feature_dim=FLAGS.feature_dim,
            seed=0,
        )
        model.compile(keras.optimizers.Adam(1e-4, epsilon=1e-8))
    batches = tf.data.Dataset.from_tensors({"image": images}).repeat()
    model.fit(
        distribute(batches, strategy, FLAGS.batch_size),
        steps_per_epoch=_WARM_UP + FLAGS.steps,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    seconds = np.diff(clock.times)[_WARM_UP - 1 :]
    parameters = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    print(json.dumps({"seconds": seconds.tolist(), "parameters": parameters}))


def measure(case):
    """Runs a case in processes of its own; what its first process printed."""
    _, count, pinned = _CASES[case]
    cores = sorted(os.sched_getaffinity(0))
    workers = [f"localhost:{port}" for port in _free_ports(count)]
    processes = []
    try:
        for index in range(count):
            task = {"type": "worker", "index": index}
            config = {"cluster": {"worker": workers}, "task": task}
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            if count > 1:
                environment["TF_CONFIG"] = json.dumps(config)
            pin = ["taskset", "-c", str(cores[index % len(cores)])] if pinned else []
            command = [*pin, sys.executable, *sys.argv, "--child", f"--case={case}"]
            processes.append(
                subprocess.Popen(
                    command, env=environment, stdout=subprocess.PIPE, text=True
                )
            )
        outputs = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    if any(process.returncode for process in processes):
        raise RuntimeError(f"{case!r} failed, see above")
    return json.loads(outputs[0].splitlines()[-1])


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def main(_):
    if FLAGS.child:
        time_steps(_CASES[FLAGS.case[-1]][0])
        return
    print(
        f"GENESIS-V2, {FLAGS.image_size}x{FLAGS.image_size}, K={FLAGS.num_slots}, "
        f"F={FLAGS.feature_dim}, global batch {FLAGS.batch_size}, float32, "
        f"{len(os.sched_getaffinity(0))} cores\n"
    )
    print("| what | ms a step | fastest | images/s | of the first |")
    print("| --- " * 5 + "|")
    first = None
    for case in FLAGS.case:
        result = measure(case)
        median = np.median(result["seconds"])
        first = first or median
        print(
            f"| {case} | {1e3 * median:.0f} | {1e3 * min(result['seconds']):.0f} | "
            f"{FLAGS.batch_size / median:.1f} | {first / median:.2f} |",
            flush=True,
        )
    parameters = result["parameters"]
    print(f"\n{parameters:,} parameters: {4 * parameters / 1e6:.1f} MB all-reduced")


if __name__ == "__main__":
    app.run(main)
