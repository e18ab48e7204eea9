"""Counts the arithmetic operations of a forward pass in the traced graph."""

import tensorflow as tf

from genesis_keras.layers.compilation import without_compilation
from genesis_keras.types import Model

_COUNTED = ("Conv2D", "Conv2DBackpropInput", "MatMul", "BatchMatMulV2")


def operations_per_image(model: Model) -> int:
    """Returns the number of floating-point operations per image of a forward pass.

    Counts the multiplications and additions of all convolutions, transposed
    convolutions (each kernel tap of each input pixel) and matrix products that are
    executed. Operations that are done once per batch are not counted.

    Args:
        model: A `SceneModel`; it is called with K of training.

    Raises:
        ValueError: If the graph has convolutions or matrix products within functions,
            which are not counted, or of unknown shapes.
    """
    return _operations(model, 2) - _operations(model, 1)


def _operations(model, batch_size):
    images = tf.TensorSpec([batch_size, model.image_size, model.image_size, 3])
    function = tf.function(lambda images: model(images, training=False))
    with without_compilation():
        graph = function.get_concrete_function(images).graph
    for inner in graph.as_graph_def().library.function:
        if hidden := {node.op for node in inner.node_def} & {*_COUNTED}:
            raise ValueError(f"{sorted(hidden)} in {inner.signature.name}: not counted")
    return sum(map(_cost, graph.get_operations()))


def _cost(operation):
    """Counts two operations for each multiplication and subsequent addition."""
    if operation.type not in _COUNTED:
        return 0
    if operation.type == "Conv2DBackpropInput":  # inputs: shape, kernel, gradient
        kernel, pixels = operation.inputs[1].shape, operation.inputs[2].shape
        return 2 * _size(pixels) * _size(kernel[:3])
    result, first = operation.outputs[0].shape, operation.inputs[0].shape
    if operation.type == "Conv2D":
        return 2 * _size(result) * _size(operation.inputs[1].shape[:3])
    transposed = "transpose_a" if operation.type == "MatMul" else "adj_x"
    inner = first[-2] if operation.get_attr(transposed) else first[-1]
    return 2 * _size(result) * inner


def _size(shape):
    size = shape.num_elements()
    if size is None:
        raise ValueError(f"operations of unknown shape {shape}")
    return size
