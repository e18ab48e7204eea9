"""A normalising flow: an invertible map with a tractable Jacobian."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class CouplingFlow(keras.layers.Layer):
    """Affine coupling layers (Dinh et al., ICLR 2017), applied to each slot.

    Each coupling keeps one half of the values, from which a network of one hidden layer
    predicts shift and log scale of the other half; then the halves change places. Log
    scales are limited to [-1, 1]. The flow begins as the identity, but for the order of
    the values.

    Args:
        couplings: Number of couplings, at least 1.
        units: Hidden units of each network.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        values: `[..., D]`, D at least 2.

    Returns:
        The mapped values `[..., D]` and the log determinant of the Jacobian `[...]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> flow = CouplingFlow(4)
        >>> mapped, log_det = flow(tf.zeros([2, 3, 16]))
        >>> mapped.shape, log_det.shape
        (TensorShape([2, 3, 16]), TensorShape([2, 3]))
    """

    def __init__(self, couplings: int, units: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.couplings = integer("couplings", couplings, least=1)
        self.units = integer("units", units, least=1)

    def build(self, input_shape: Shape) -> None:
        dim = input_shape[-1]
        self.kept = dim // 2
        self.moved = dim - self.kept
        sizes = {
            "hidden": (self.kept, self.units),
            "hidden_bias": (self.units,),
            "output": (self.units, 2 * self.moved),
            "output_bias": (2 * self.moved,),
        }
        self.networks = [
            [
                self.add_weight(
                    shape=shape,
                    initializer="glorot_uniform" if name == "hidden" else "zeros",
                    name=f"{name}_{i}",
                )
                for name, shape in sizes.items()
            ]
            for i in range(self.couplings)
        ]

    def call(self, values: Tensor) -> tuple[Tensor, Tensor]:
        log_det = tf.zeros_like(values[..., 0])
        for network in self.networks:
            kept, moved = tf.split(values, [self.kept, self.moved], axis=-1)
            shift, log_scale = _statistics(network, kept)
            moved = (moved - shift) * tf.exp(-log_scale)
            log_det -= tf.reduce_sum(log_scale, axis=-1)
            values = tf.concat([moved, kept], axis=-1)
        return values, log_det

    def inverse(self, values: Tensor) -> Tensor:
        """Undoes `call`.

        Args:
            values: Mapped values `[..., D]`.

        Returns:
            The values that `call` maps to them `[..., D]`.
        """
        for network in reversed(self.networks):
            moved, kept = tf.split(values, [self.moved, self.kept], axis=-1)
            shift, log_scale = _statistics(network, kept)
            values = tf.concat([kept, moved * tf.exp(log_scale) + shift], axis=-1)
        return values

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        return tuple(input_shape), tuple(input_shape[:-1])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "couplings": self.couplings,
            "units": self.units,
        }


def _statistics(network, kept):
    hidden, hidden_bias, output, output_bias = network
    x = tf.nn.relu(tf.matmul(kept, hidden) + hidden_bias)
    shift, raw_scale = tf.split(tf.matmul(x, output) + output_bias, 2, axis=-1)
    return shift, tf.tanh(raw_scale)
