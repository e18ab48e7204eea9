"""Checks of a model's weights."""

import keras
import numpy as np

from genesis_keras.types import Model


def check_finite_weights(model: Model, message: str) -> None:
    """Raises an error if a weight of a model is NaN or infinite.

    Args:
        model: The model.
        message: Beginning of the error message.

    Raises:
        ValueError: If there is one; the message names the first.
    """
    for weight in model.weights:
        if not keras.backend.is_float_dtype(weight.dtype):
            continue
        wrong = int(np.sum(~np.isfinite(keras.ops.convert_to_numpy(weight))))
        if wrong:
            raise ValueError(
                f"{message}: weight {weight.path} is not finite ({wrong} of "
                f"{weight.value.shape.num_elements()} values are NaN or infinite)"
            )
