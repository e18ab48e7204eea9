"""Writes a SavedModel that only depends on TensorFlow."""

import re

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from genesis_keras.export.signatures import signatures
from genesis_keras.export.warmup import write_warmup
from genesis_keras.models.weights import check_finite_weights
from genesis_keras.storage import local_path, new_folder
from genesis_keras.types import Model, PathLike

_GRADIENT = "_gradient_op_type"


def write_saved_model(model: Model, path: PathLike, masks: str = "attention") -> bool:
    """Writes the signatures of a model as a SavedModel.

    It supports batches of any size and contains no Python code. It can be loaded by
    TensorFlow Serving, the C API, and Python without this package, TensorFlow
    Probability or Keras. It is for inference only, without gradients.

    Args:
        model: The model.
        path: The folder to create. TensorFlow Serving requires the version number as
            its name, such as `export/1`.
        masks: Masks from which the label maps are derived: "attention" or "object".

    Returns:
        Whether warm-up requests were written, which requires the package
        `tensorflow-serving-api`.

    Raises:
        ValueError: If `path` exists, TensorFlow could not read it there, `masks` is
            unknown, or a weight is not finite.
        OSError: If it cannot be written; nothing is left at `path`.
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
    """Raises an error if TensorFlow would interpret the path as a glob pattern."""
    absolute = str(local_path(path).absolute())
    if re.search(r"\[.*\]|\\", absolute):
        raise ValueError(
            "path must have neither brackets nor backslashes, as TensorFlow finds no "
            f"weights below such folders; got {absolute!r}"
        )


def _drop_gradients(folder):
    """Removes the names of custom gradients, which are not saved.

    Otherwise Python warns about each of them when it loads the model. The fingerprint,
    which no longer matches the file, is removed too; TensorFlow recreates it if it is
    missing.
    """
    path = local_path(folder) / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        functions = [function.node_def for function in graph.library.function]
        for nodes in (graph.node, *functions):
            for node in nodes:
                node.attr.pop(_GRADIENT, None)
    path.write_bytes(saved_model.SerializeToString(deterministic=True))
    (path.parent / "fingerprint.pb").unlink(missing_ok=True)
