"""Measures the speed of training and inference, relative to a matmul.

    python benchmarks/train_step.py

Times one training step (as `fit` runs it), the whole forward pass and the attention
masks alone, in turn with a large matrix multiplication, so that other load on the
machine hits all alike. The ratio of the rates of floating-point operations of model and
matmul shows how well the model uses the machine.

    python benchmarks/train_step.py --profile

instead lists what the operations of a training step take, by kind. TensorFlow runs them
one after the other then, each on all cores.
"""

import time

from genesis_keras.commands.boundary import start_tensorflow

start_tensorflow()  # with the kernels that the commands use

import numpy as np
import step_profile
import tensorflow as tf
from absl import app, flags

from genesis_keras.models.genesis_v2 import GenesisV2
from genesis_keras.models.operations import operations_per_image
from genesis_keras.models.registry import get_model
from genesis_keras.training.config import resolve
from genesis_keras.training.optimizers import make_optimizer
from genesis_keras.training.run import build_model

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "model",
    "genesis_v2",
    ["genesis_v2", "genesis", "monet", "slot_attention"],
    "Name of the model.",
)
flags.DEFINE_string(
    "dataset",
    None,
    "Data set whose recipe `fast` sets the model and the batch, instead of the flags.",
)
flags.DEFINE_integer("image_size", 64, "Side of the images.")
flags.DEFINE_integer("num_slots", 7, "K.")
flags.DEFINE_integer("feature_dim", 64, "F, or the filters of Slot Attention.")
flags.DEFINE_integer("batch_size", 8, "Images a step.")
flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "mixed_bfloat16"],
    "Of the model; the matmul's is float32 always.",
)
flags.DEFINE_integer("repeats", 10, "Rounds of measurement.", lower_bound=1)
flags.DEFINE_boolean("profile", False, "List the operations of a step instead.")

_MATMUL_SIZE = 2048
# Backward: one convolution for the gradient of the inputs, one for the kernel's.
_TRAINING_FACTOR = 3


def operations(model):
    """Floating-point operations of a forward pass over one image.

    Returns:
        Two numbers. The first is nominal: all taps of all convolutions, for all
        pixels. The second is what is executed (`operations_per_image`): convolutions
        of upsampled features take 4 of 9 taps (`conv_upsampled`), and object pooling
        projects sums instead of pixels.
    """
    executed = operations_per_image(model)
    if not isinstance(model, GenesisV2):
        return executed, executed
    blocks = model.backbone.up_blocks
    saved = 0
    for i, (below, block) in enumerate(zip(blocks[:-1], blocks[1:], strict=True)):
        side = model.image_size >> (len(blocks) - 2 - i)
        saved += side**2 * (9 - 4) * below.filters * block.filters
    pixels, width = model.image_size**2, model.pooling.feature_dim
    projected = pixels - model.num_slots  # fewer times, from F to 2F channels
    saved += projected * width * 2 * width + model.num_slots * pixels * width
    return executed + 2 * saved, executed


def contestants(model, batch_size):
    """The functions to time, by name; each runs on one batch."""
    images = tf.random.stateless_uniform(
        [batch_size, model.image_size, model.image_size, 3], seed=[0, 1]
    )
    model.compile(make_optimizer(1e-4))
    model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors({"image": images}).repeat())

    @tf.function
    def infer():
        return model(images, training=False)

    @tf.function
    def masks():
        embeddings, _ = model.embed(model.backbone(images), images)
        return model.instance_colouring(embeddings)["masks"]

    matrix = tf.random.stateless_normal([_MATMUL_SIZE] * 2, seed=[0, 2])
    matmul = tf.function(lambda: tf.matmul(matrix, matrix))
    functions = {
        "matmul": matmul,
        "training": lambda: model.train_function(batches),
        "inference": infer,
    }
    if isinstance(model, GenesisV2):
        functions["attention masks"] = masks
    return functions


def measure(functions, repeats):
    """Seconds of each function: name -> array `[repeats]`."""
    for function in functions.values():
        for _ in range(2):  # trace, compile, warm up
            function()
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            tf.nest.map_structure(np.asarray, function())  # waits for the result
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def report(seconds, nominal, executed, batch_size):
    """Prints times and rates; medians, and in brackets the fastest repeat."""
    print(f"{'':16}{'median ms':>11}{'(fastest)':>11}{'images/s':>10}")
    for name, values in seconds.items():
        median, fastest = np.median(values), np.min(values)
        images = "" if name == "matmul" else f"{batch_size / median:10.1f}"
        print(f"{name:16}{1e3 * median:11.1f}{f'({1e3 * fastest:.1f})':>11}{images}")
    print(f"\nforward pass: {nominal / 1e9:.2f} GFLOP per image", end="")
    if executed < nominal:
        print(
            f", of which {executed / 1e9:.2f} are executed: convolutions of upsampled "
            "features are done with 4 of 9 taps, and sums are projected instead of "
            "pixels",
            end="",
        )
    print()
    matmul = 2 * _MATMUL_SIZE**3 / seconds["matmul"]
    print(f"{'GFLOP/s':16}{'median':>11}{'(fastest)':>11}{'of matmul':>14}", end="")
    print(f"{'executed only':>22}")
    print(f"{'matmul':16}{_pair(matmul / 1e9, '.1f', 11)}")
    for name, factor in (("training", _TRAINING_FACTOR), ("inference", 1)):
        rate = factor * batch_size * nominal / seconds[name]
        # Each repeat against the matmul of its own round.
        ratio = np.stack([rate / matmul, executed / nominal * rate / matmul])
        best = np.max(rate) / np.max(matmul) * np.array([1.0, executed / nominal])
        print(f"{name:16}{_pair(rate / 1e9, '.1f', 11)}", end="")
        for middle, top in zip(np.median(ratio, axis=1), best, strict=True):
            print(f"{middle:12.3f} ({top:.3f})", end="")
        print()


def report_profile(functions, executed, batch_size, repeats):
    """Prints the operations of a training step, and the rate of the convolutions."""

    def training():
        tf.nest.map_structure(np.asarray, functions["training"]())

    seconds = measure({n: functions[n] for n in ("matmul", "training")}, repeats)
    # Of several profiles the one that other load on the machine disturbed least.
    profiles = [step_profile.profile(training) for _ in range(repeats)]
    kinds = step_profile.group(min(profiles, key=lambda each: sum(s for _, s in each)))
    print("\n".join(step_profile.table(kinds)))
    print(
        f"\nthe fastest of {repeats} profiled steps; the fastest without profiling: "
        f"{1e3 * np.min(seconds['training']):.1f} ms"
    )
    products = (step_profile.CONVOLUTIONS, step_profile.MATRIX_PRODUCTS)
    busy = sum(sum(kinds.get(kind, {}).values()) for kind in products)
    rate = _TRAINING_FACTOR * batch_size * executed / busy
    matmul = 2 * _MATMUL_SIZE**3 / np.min(seconds["matmul"])
    print(
        f"convolutions and matrix products: {rate / 1e9:.1f} GFLOP/s, "
        f"{rate / matmul:.3f} of the float32 matmul's {matmul / 1e9:.1f} (counting "
        f"{_TRAINING_FACTOR} times the {executed / 1e9:.2f} GFLOP per image that a "
        "forward pass executes)"
    )


def _pair(values, form, width):
    best = f"({np.max(values):{form}})"
    return f"{np.median(values):{width}{form}}{best:>{width}}"


def make_model():
    """The model that the flags ask for, and the number of images of a batch."""
    if FLAGS.dataset is not None:
        names = ("model", "dataset", "precision")
        chosen = {name: getattr(FLAGS, name) for name in names}
        config = resolve({**chosen, "recipe": "fast"})
        return build_model(config), config.batch_size
    widths = {
        "genesis_v2": {"feature_dim": FLAGS.feature_dim},
        "slot_attention": {"filters": FLAGS.feature_dim},
    }
    model = get_model(FLAGS.model)(
        image_size=FLAGS.image_size,
        num_slots=FLAGS.num_slots,
        **widths.get(FLAGS.model, {}),
        seed=0,
        dtype=FLAGS.precision,
    )
    return model, FLAGS.batch_size


def main(_):
    if FLAGS.profile:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    model, batch_size = make_model()
    functions = contestants(model, batch_size)
    size = f"F={FLAGS.feature_dim}"
    if FLAGS.dataset is not None:
        size = f"recipe of {FLAGS.dataset}"
    print(
        f"{FLAGS.model}, {model.image_size}x{model.image_size}, K={model.num_slots}, "
        f"{size}, batch {batch_size}, {FLAGS.precision}; matmul in float32\n"
    )
    nominal, executed = operations(model)
    if FLAGS.profile:
        report_profile(functions, executed, batch_size, FLAGS.repeats)
        return
    seconds = measure(functions, FLAGS.repeats)
    report(seconds, nominal, executed, batch_size)


if __name__ == "__main__":
    app.run(main)
