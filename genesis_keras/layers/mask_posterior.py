"""The autoregressive posterior of the mask latents of GENESIS."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import dense, lstm_cell
from genesis_keras.layers.gaussian_statistics import posterior_statistics
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class MaskPosterior(keras.layers.Layer):
    """Autoregressive posterior q(z_1..z_K | x) = prod_k q(z_k | x, z_1..z_{k-1}).

    A dense layer on the image's vector h gives the statistics of the first latent. For
    later latents an LSTM reads `[h, z_{k-1}]`, and another dense layer gives the
    statistics of z_k.

    Args:
        dim: D, the size of a latent.
        units: Units of the LSTM. Defaults to 128.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        hidden: Vector h `[B, C]`.
        noise: Standard normal noise `[B, K, D]`; K may be any number.

    Returns:
        `latents`, `posterior_mean` and `posterior_scale`, each `[B, K, D]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> posterior = MaskPosterior(8)
        >>> latents, mean, scale = posterior(tf.zeros([2, 16]), tf.zeros([2, 4, 8]))
        >>> latents.shape
        TensorShape([2, 4, 8])
    """

    def __init__(self, dim: int, units: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dim = integer("dim", dim, least=1)
        self.units = integer("units", units, least=1)

    def build(self, hidden_shape: Shape, noise_shape: Shape | None = None) -> None:
        policy = self.dtype_policy
        features = hidden_shape[-1]
        self.first = dense(2 * self.dim, features, dtype=policy, name="first")
        self.cell = lstm_cell(self.units, dtype=policy, name="cell")
        self.project = dense(2 * self.dim, self.units, dtype=policy, name="project")
        self.first.build((None, features))
        self.cell.build((None, features + self.dim))
        self.project.build((None, self.units))

    def call(self, hidden: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        state = [tf.zeros([tf.shape(hidden)[0], self.units], hidden.dtype)] * 2
        statistics = posterior_statistics(self.first(hidden))
        slots = []
        for draw in tf.unstack(noise, axis=1):
            if slots:
                inputs = tf.concat([hidden, slots[-1][0]], axis=-1)
                output, state = self.cell(inputs, state)
                statistics = posterior_statistics(self.project(output))
            mean, scale = statistics
            slots.append((mean + scale * draw, mean, scale))
        return tuple(tf.stack(values, axis=1) for values in zip(*slots, strict=True))

    def compute_output_shape(
        self, hidden_shape: Shape, noise_shape: Shape | None = None
    ) -> tuple[Shape, ...]:
        num_slots = noise_shape[1] if noise_shape else None
        return ((hidden_shape[0], num_slots, self.dim),) * 3

    def get_config(self) -> Config:
        return {**super().get_config(), "dim": self.dim, "units": self.units}
