"""Compares the speed of the SavedModel with that of the Keras model.

    python benchmarks/serving.py

In turn, so that other load on the machine hits all alike: the compiled forward pass
with given draws, for a batch of any size as the SavedModel's, and for just this size
(which XLA then fuses in parts; it compiles for each size anew, so an exported graph
does without); the SavedModel's `reconstruct` (which returns less of it, and checks its
inputs), `predict`, eager calls, and the SavedModel's `serving_default`, which leaves
the decoder out. The overhead is that of `reconstruct` over the forward pass of any
size, each repeat against that of its own round.
"""

import tempfile
import time

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from genesis_keras.models.genesis_v2 import GenesisV2

FLAGS = flags.FLAGS
flags.DEFINE_integer("image_size", 64, "Side of the images.")
flags.DEFINE_integer("num_slots", 7, "K.")
flags.DEFINE_integer("feature_dim", 64, "F.")
flags.DEFINE_integer("repeats", 10, "Rounds at batch 1.", lower_bound=1)
flags.DEFINE_integer("batch_repeats", 5, "Rounds at batch 32.", lower_bound=1)


def contestants(model, loaded, batch_size):
    """The functions to time, by name; each runs on one batch, to NumPy arrays."""
    images = tf.random.stateless_uniform(
        [batch_size, model.image_size, model.image_size, 3], seed=[0, 1]
    )
    draws = model.fixed_draws(batch_size)
    pixels = images.numpy()

    def forward(images, draws):
        outputs = model(images, training=False, **draws)
        names = ("components", "log_object_masks", "reconstruction", "num_slots")
        return {name: outputs[name] for name in names}

    # The draws too are of any size: as constants they would fix that of the decoder.
    of_any_size = tf.nest.map_structure(
        lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), (images, draws)
    )
    forward_any = tf.function(forward, input_signature=of_any_size)
    forward_fixed = tf.function(forward)

    def signature(name):
        function = loaded.signatures[name]
        options = {"seed": tf.constant(0), "min_mask_pixels": tf.constant(0.0)}
        return lambda: function(images=images, **options)

    return {
        "forward pass": lambda: forward_any(images, draws),
        "of this size": lambda: forward_fixed(images, draws),
        "reconstruct": signature("reconstruct"),
        "predict": lambda: model.predict(pixels, batch_size=batch_size, verbose=0),
        "eager": lambda: model(images, training=False, **draws),
        "serving_default": signature("serving_default"),
    }


def measure(functions, repeats):
    """Seconds of each function: name -> array `[repeats]`."""
    seconds = {name: [] for name in functions}
    for round_ in range(repeats + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            tf.nest.map_structure(np.asarray, function())  # waits for the result
            if round_ > 0:  # the first round traces
                seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def report(seconds, batch_size):
    """Prints medians, the fastest repeats, and ratios to the forward pass."""
    print(f"\nbatch {batch_size:<13}{'median ms':>10}{'fastest':>10}", end="")
    print(f"{'images/s':>10}{'of forward pass':>17}{'(fastest)':>11}")
    forward = seconds["forward pass"]
    for name, values in seconds.items():
        median, fastest = np.median(values), np.min(values)
        print(f"{name:19}{1e3 * median:10.1f}{1e3 * fastest:10.1f}", end="")
        ratio, best = np.median(values / forward), fastest / np.min(forward)
        print(f"{batch_size / median:10.1f}{ratio:17.2f}{f'({best:.2f})':>11}")


def main(_):
    logging.set_verbosity(logging.WARNING)
    model = GenesisV2(
        image_size=FLAGS.image_size,
        num_slots=FLAGS.num_slots,
        feature_dim=FLAGS.feature_dim,
        seed=0,
    )
    model.compile()
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/1")
        loaded = tf.saved_model.load(f"{folder}/1")
    print(
        f"GENESIS-V2, {FLAGS.image_size}x{FLAGS.image_size}, K={FLAGS.num_slots}, "
        f"F={FLAGS.feature_dim}"
    )
    for batch_size, repeats in ((1, FLAGS.repeats), (32, FLAGS.batch_repeats)):
        report(measure(contestants(model, loaded, batch_size), repeats), batch_size)


if __name__ == "__main__":
    app.run(main)
