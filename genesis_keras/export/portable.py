"""Exports ONNX and LiteRT files for segmentation, with Keras's exporters."""

import contextlib
import logging
import warnings

import keras
import numpy as np
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.export.options import FORMATS, MASKS, check_packages
from genesis_keras.export.signatures import check_masks
from genesis_keras.metrics.segmentation import labels_from_masks
from genesis_keras.models.weights import check_finite_weights
from genesis_keras.storage import local_path, replacing
from genesis_keras.types import Model, Outputs, PathLike, Tensor

BATCH_AXIS = "batch"
"""Name of the axis of images in an ONNX file for any batch size."""


class FixedSegmenter(keras.Model):
    """Maps images to `label_map [B, H, W]` and `mask_probabilities [B, K, H, W]`.

    K and the random numbers are constants, since these formats have no suitable
    operations for random numbers.
    """

    def __init__(self, model: Model, masks: str, seed: int) -> None:
        super().__init__(autocast=False)
        self.model = model
        self.output_name = MASKS[masks]
        draws = model.fixed_draws(1, model.num_slots, seed)
        self.draws = {name: draw.numpy() for name, draw in draws.items()}
        self.built = True

    def call(self, images: Tensor) -> Outputs:
        batch = tf.shape(images)[0]
        draws = {
            name: tf.repeat(tf.constant(draw), batch, axis=0)
            for name, draw in self.draws.items()
        }
        outputs = self.model(images, training=False, **draws)
        log_masks = outputs[self.output_name]
        return {
            "label_map": labels_from_masks(log_masks),
            "mask_probabilities": tf.exp(log_masks)[..., 0],
        }


def write_portable(
    model: Model,
    path: PathLike,
    format: str,
    masks: str = "attention",
    seed: int = 0,
    batch_size: int | None = None,
) -> None:
    """Writes an ONNX or LiteRT file that segments images with the K of training.

    Args:
        model: The model.
        path: The file, ending in `.onnx` or `.tflite`.
        format: "onnx" or "litert".
        masks: Masks from which the label maps are derived: "attention" or "object".
        seed: Random seed; the random numbers become constants of the file.
        batch_size: B; None for a variable batch size, which LiteRT does not always
            support.

    Raises:
        ValueError: If an argument is wrong, or a package is missing, or the format
            lacks an operation of the model.
        OSError: If the file cannot be written.
    """
    check_masks(masks)
    if format not in FORMATS:
        raise ValueError(f"format must be one of {sorted(FORMATS)}; got {format!r}")
    if batch_size is not None:
        batch_size = integer("batch_size", batch_size, least=1)
    path = local_path(path)
    if path.suffix != FORMATS[format]:
        raise ValueError(f"path must end in {FORMATS[format]!r}; got {str(path)!r}")
    check_packages(format)
    check_finite_weights(model, f"not exported to {str(path)!r}")
    shape = [batch_size, model.image_size, model.image_size, 3]
    segmenter = FixedSegmenter(model, masks, seed)
    with replacing(path) as partial:
        try:
            with _quietly():
                if format == "onnx":
                    _teach_log1p()
                segmenter.export(
                    str(partial),
                    format=format,
                    verbose=False,
                    input_signature=[tf.TensorSpec(shape, "float32", name="images")],
                )
            if format == "onnx":
                _finish_onnx(partial)
        except OSError:
            raise
        except Exception as error:  # converters raise many kinds of errors
            raise ValueError(
                f"format={format!r} cannot hold {type(model).__name__}: {error}"
            ) from error


def _teach_log1p():
    """Adds support for log(1 + x) to tf2onnx, as two operations.

    The arguments (shares of the stick) lie in [0.01, 0.99], so no precision is lost.
    """
    from tf2onnx.handler import tf_op

    @tf_op("Log1p")
    class Log1p:
        @classmethod
        def version_7(cls, ctx, node, **_):
            one = ctx.make_const(f"{node.name}_one", np.ones([], "float32"))
            total = ctx.make_node("Add", [node.input[0], one.output[0]])
            node.type = "Log"
            ctx.replace_inputs(node, [total.output[0]])


@contextlib.contextmanager
def _quietly():
    """Silences warnings of the converters about their internals.

    tf2onnx warns about each shape that it cannot infer, and a graph for any batch
    size has many. What it cannot convert is still an error.
    """
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def _finish_onnx(path):
    """Names the batch axis; raises an error if ONNX lacks an operation of the file."""
    import onnx

    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        first = value.type.tensor_type.shape.dim[0]
        if not first.HasField("dim_value"):  # any batch size
            first.dim_param = BATCH_AXIS
    onnx.save(model, path)
    onnx.checker.check_model(str(path))
