"""Writes a SavedModel that needs TensorFlow alone."""

import pathlib
import re

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from genesis_keras.export.signatures import signatures
from genesis_keras.export.warmup import write_warmup
from genesis_keras.models.weights import check_finite_weights
from genesis_keras.storage import new_folder

_GRADIENT = "_gradient_op_type"


def write_saved_model(model, path, masks="attention"):
    """Writes the signatures of a model as a SavedModel.

    It takes batches of any size, and holds no Python: TensorFlow Serving, the C API
    and a Python without this package, TensorFlow Probability and Keras load it. It is
    for inference, without gradients.

    Args:
        model: A model that returns the output contract.
        path: The folder to make. TensorFlow Serving wants the number of the version
            as its name, such as `export/1`.
        masks: Masks that the label maps are made of: "attention" or "object".

    Returns:
        Whether it has warm-up requests, for which `tensorflow-serving-api` must be
        installed.

    Raises:
        ValueError: There is something at `path`, TensorFlow could not read it there,
            `masks` is unknown, or a weight is not finite.
        OSError: It cannot be written; nothing is left at `path`.
    """
    _check_readable(path)
    check_finite_weights(model, f"not exported to {str(path)!r}")
    served = signatures(model, masks)
    with new_folder(path) as folder:
        graphs = {name: signature.graph() for name, signature in served.items()}
        module = tf.Module()
        module.weights = [weight.value for weight in model.weights]
        tf.saved_model.save(
            module,
            str(folder),
            signatures=graphs,
            options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
        )
        _drop_gradients(folder)
        return write_warmup(folder, served)


def _check_readable(path):
    """Raises where TensorFlow would take the path for a pattern of file names."""
    absolute = str(pathlib.Path(path).absolute())
    if re.search(r"\[.*\]|\\", absolute):
        raise ValueError(
            "path must have neither brackets nor backslashes, as TensorFlow finds no "
            f"weights below such folders; got {absolute!r}"
        )


def _drop_gradients(folder):
    """Removes the names of custom gradients, which are not saved.

    Python would warn about each of them when it loads the model. The fingerprint is
    of the file as it was before; TensorFlow makes a new one when it is missing.
    """
    path = pathlib.Path(folder) / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        functions = [function.node_def for function in graph.library.function]
        for nodes in (graph.node, *functions):
            for node in nodes:
                node.attr.pop(_GRADIENT, None)
    path.write_bytes(saved_model.SerializeToString(deterministic=True))
    (path.parent / "fingerprint.pb").unlink(missing_ok=True)
