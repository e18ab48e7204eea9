"""Warm-up requests, which TensorFlow Serving runs before it accepts others."""

from typing import TYPE_CHECKING

import tensorflow as tf

from genesis_keras.storage import local_path
from genesis_keras.types import Outputs, PathLike

if TYPE_CHECKING:
    from genesis_keras.export.signature import Signature

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_OPEN = (1, 2)  # images, slots
_MODEL_NAME = "genesis"  # not compared with the name on the server


def example_inputs(signature: "Signature") -> Outputs:
    """Returns valid inputs of a signature, in order: one image, and default values.

    Args:
        signature: A `Signature`.

    Returns:
        Dict of tensors by the names of the inputs.
    """
    return {
        spec.name: tf.constant(signature.defaults[spec.name], spec.dtype)
        if spec.name in signature.defaults
        else _example(spec)
        for spec in signature.inputs
    }


def write_warmup(folder: PathLike, signatures: "dict[str, Signature]") -> bool:
    """Writes one request for each signature next to a SavedModel.

    Args:
        folder: The SavedModel's folder.
        signatures: Dict of `Signature` by name.

    Returns:
        Whether they were written, which requires `tensorflow-serving-api`.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return False
    path = local_path(folder) / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, signature in signatures.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = _MODEL_NAME
            request.model_spec.signature_name = name
            for key, value in example_inputs(signature).items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
            log = prediction_log_pb2.PredictLog(request=request)
            entry = prediction_log_pb2.PredictionLog(predict_log=log)
            writer.write(entry.SerializeToString())
    return True


def _example(spec):
    if spec.dtype == tf.string:
        pixels = tf.cast(_noise([100, 80, 3]) * 255.0, "uint8")
        return tf.io.encode_png(pixels)[None]
    # One image, and two slots if their number is variable, which all models support.
    values = _noise([side or _OPEN[i] for i, side in enumerate(spec.shape)])
    return tf.cast(values * 255.0, "uint8") if spec.dtype == tf.uint8 else values


def _noise(shape):
    return tf.random.stateless_uniform(shape, seed=[0, 0])
