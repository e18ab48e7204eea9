"""The numbers in a model."""

import keras
import numpy as np


def check_finite_weights(model, message):
    """Raises where a weight of a model is NaN or infinite.

    Args:
        model: The model.
        message: What the error begins with.

    Raises:
        ValueError: It names the first such weight.
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
