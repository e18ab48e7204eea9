"""Measures each convolution of a training step by itself, relative to a matmul.

    python benchmarks/convolutions.py --precisions=float32,bfloat16

Finds the convolutions of the model in its graph and times the operations of their
forward and backward passes, one at a time on all cores: outputs, gradients of the
inputs and gradients of the kernel. The rate of each is relative to that of a large
float32 matrix multiplication in the same process, which is timed again for each
convolution. A rate far below the others shows which kernels a processor lacks.
"""

import collections
import dataclasses
import time

from genesis_keras.commands.boundary import start_tensorflow

start_tensorflow()  # with the kernels that the commands use

import numpy as np
import tensorflow as tf
from absl import app, flags

from genesis_keras.layers.compilation import without_compilation
from genesis_keras.models.registry import MODELS, get_model

FLAGS = flags.FLAGS
flags.DEFINE_enum("model", "genesis_v2", sorted(MODELS), "Name of the model.")
flags.DEFINE_integer("image_size", 64, "Side of the images.")
flags.DEFINE_integer("num_slots", 7, "K.")
flags.DEFINE_integer("batch_size", 8, "Images a step.")
flags.DEFINE_list("precisions", ["float32", "bfloat16"], "Types to measure.")
flags.DEFINE_integer("repeats", 10, "Repeats of each measurement.", lower_bound=1)
flags.DEFINE_float("least_share", 0.01, "Skip those with less of the arithmetic.")

_MATMUL_SIZE = 2048


@dataclasses.dataclass(frozen=True)
class Convolution:
    """The larger of inputs and outputs `[N, H, W, C]`, the smaller one, the kernel."""

    large: tuple[int, ...]
    small: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: int
    padding: str
    transposed: bool

    @property
    def operations(self) -> int:
        """Floating-point operations of a pass: two for each tap of a small pixel."""
        pixels = int(np.prod(self.small[:3]))
        return 2 * pixels * int(np.prod(self.kernel))

    def __str__(self):
        shapes = [self.large, self.small]
        before, after = reversed(shapes) if self.transposed else shapes
        side = self.kernel[0]
        return (
            f"{before[0]} x {before[1]}x{before[2]}x{before[3]} -> "
            f"{after[1]}x{after[2]}x{after[3]}, {side}x{side}"
        )


def find(model, batch_size):
    """Counts the convolutions of a forward pass, `collections.Counter`."""
    images = tf.TensorSpec([batch_size, model.image_size, model.image_size, 3])
    function = tf.function(lambda images: model(images, training=False))
    with without_compilation():
        graph = function.get_concrete_function(images).graph
    found = collections.Counter()
    for operation in graph.get_operations():
        transposed = operation.type == "Conv2DBackpropInput"
        if not transposed and operation.type != "Conv2D":
            continue
        before = operation.inputs[2 if transposed else 0].shape
        shapes = [tuple(before), tuple(operation.outputs[0].shape)]
        small, large = shapes if transposed else reversed(shapes)
        kernel = tuple(operation.inputs[1].shape)
        stride = operation.get_attr("strides")[1]
        padding = operation.get_attr("padding").decode()
        found[Convolution(large, small, kernel, stride, padding, transposed)] += 1
    return found


def passes(convolution, dtype):
    """The three operations by name, functions without arguments."""
    large, small, kernel = (
        tf.cast(tf.random.stateless_normal(shape, [0, i]), dtype)
        for i, shape in enumerate(
            (convolution.large, convolution.small, convolution.kernel)
        )
    )
    stride = convolution.stride
    options = {"strides": [1, stride, stride, 1], "padding": convolution.padding}

    def down():
        return tf.raw_ops.Conv2D(input=large, filter=kernel, **options)

    def up():
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=convolution.large, filter=kernel, out_backprop=small, **options
        )

    def of_kernel():
        return tf.raw_ops.Conv2DBackpropFilter(
            input=large,
            filter_sizes=convolution.kernel,
            out_backprop=small,
            **options,
        )

    forward, backward = (up, down) if convolution.transposed else (down, up)
    functions = {"outputs": forward, "inputs": backward, "kernel": of_kernel}
    return {name: tf.function(each) for name, each in functions.items()}


def seconds(function):
    """The fastest of the repeats, after two that trace and warm up."""
    found = []
    for _ in range(2 + FLAGS.repeats):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return min(found[2:])


def table(convolutions, dtype):
    """Yields the lines of a Markdown table; milliseconds and, in brackets, rates."""
    yield f"| {dtype} | number | outputs | gradients of inputs | of the kernel |"
    yield "| --- " * 5 + "|"
    matrix = tf.random.stateless_normal([_MATMUL_SIZE] * 2, seed=[0, 2])
    matmul = tf.function(lambda: tf.matmul(matrix, matrix))
    total = sum(n * each.operations for each, n in convolutions.items())
    sums, done = collections.Counter(), 0
    for each, number in sorted(
        convolutions.items(), key=lambda item: -item[1] * item[0].operations
    ):
        operations = number * each.operations
        if operations < FLAGS.least_share * total:
            continue
        full_rate = 2 * _MATMUL_SIZE**3 / seconds(matmul)
        cells = []
        for name, function in passes(each, dtype).items():
            taken = number * seconds(function)
            sums[name] += taken
            sums[f"{name} at full rate"] += operations / full_rate
            cells.append(f"{1e3 * taken:.1f} ({operations / full_rate / taken:.2f})")
        done += operations
        yield f"| {each} | {number} | {' | '.join(cells)} |"
    cells = [
        f"{1e3 * sums[name]:.1f} ({sums[f'{name} at full rate'] / sums[name]:.2f})"
        for name in ("outputs", "inputs", "kernel")
    ]
    yield f"| sum, {done / total:.2f} of the arithmetic | | {' | '.join(cells)} |"


def main(_):
    settings = {"image_size": FLAGS.image_size, "num_slots": FLAGS.num_slots}
    model = get_model(FLAGS.model)(seed=0, **settings)
    convolutions = find(model, FLAGS.batch_size)
    print(
        f"{FLAGS.model}, {FLAGS.image_size}x{FLAGS.image_size}, K={FLAGS.num_slots}, "
        f"batch {FLAGS.batch_size}: milliseconds of all of a kind, and the rate "
        "relative to a float32 matmul"
    )
    for dtype in FLAGS.precisions:
        print()
        for line in table(convolutions, dtype):
            print(line, flush=True)


if __name__ == "__main__":
    app.run(main)
