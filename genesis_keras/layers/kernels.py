"""Distance kernels of the IC-SBP and their initial scales (Eq. 3 and 4)."""

import math

import tensorflow as tf

from genesis_keras.layers.stick_breaking import clamp_value
from genesis_keras.types import Tensor


def gaussian(squared_distance: Tensor, sigma: Tensor) -> Tensor:
    """exp(-|u - v|^2 / sigma)."""
    return tf.exp(-squared_distance / sigma)


def laplacian(squared_distance: Tensor, sigma: Tensor) -> Tensor:
    """exp(-|u - v| / sigma)."""
    # The square root has no gradient at 0, the distance of a seed from itself.
    return tf.exp(-tf.sqrt(clamp_value(squared_distance, 1e-10)) / sigma)


def epanechnikov(squared_distance: Tensor, sigma: Tensor) -> Tensor:
    """max(1 - |u - v|^2 / sigma, 0)."""
    return tf.nn.relu(1.0 - squared_distance / sigma)


KERNELS = {
    "gaussian": gaussian,
    "laplacian": laplacian,
    "epanechnikov": epanechnikov,
}


def initial_log_sigma(kernel: str, num_slots: int) -> float:
    """Returns log(sigma) of Eq. 4, which gives K initial patches of similar size.

    Args:
        kernel: A name in `KERNELS`.
        num_slots: K.
    """
    inverse_sigma = {
        "gaussian": num_slots * math.log(2.0),
        "laplacian": math.sqrt(num_slots) * math.log(2.0),
        "epanechnikov": num_slots / 2.0,
    }[kernel]
    return -math.log(inverse_sigma)
