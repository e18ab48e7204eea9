"""The prior over object latents: p(z_1..z_K) = prod_k p(z_k | z_1..z_{k-1})."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer
from genesis_keras.layers.blocks import dense, lstm_cell
from genesis_keras.layers.gaussian_statistics import prior_statistics
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class AutoregressivePrior(keras.layers.Layer):
    """Gaussian prior whose statistics an LSTM predicts from earlier slots (Eq. 2).

    p(z_1) = N(0, 1). An LSTM reads z_1..z_{K-1}, and a dense layer outputs `mean =
    tanh(raw)` and `scale = sigmoid(raw + 4) + 1e-4` of z_2..z_K.

    Args:
        units: Units of the LSTM; 4D in GENESIS-V2.
        learned_start: Whether p(z_1) is learned, as the output for an input of zeros;
            otherwise it is N(0, 1), as in the paper.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        latents: Latents z `[B, K, D]`.

    Returns:
        `prior_mean` and `prior_scale`, each `[B, K, D]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> prior = AutoregressivePrior(64)
        >>> mean, scale = prior(tf.zeros([2, 4, 16]))
        >>> mean.shape
        TensorShape([2, 4, 16])
    """

    def __init__(self, units: int, learned_start: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = integer("units", units, least=1)
        self.learned_start = boolean("learned_start", learned_start)

    def build(self, input_shape: Shape) -> None:
        dim = input_shape[-1]
        self.cell = lstm_cell(self.units, dtype=self.dtype_policy, name="cell")
        self.project = dense(
            2 * dim, self.units, dtype=self.dtype_policy, name="project"
        )
        self.cell.build((None, dim))
        self.project.build((None, self.units))

    def call(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        mean, scale, state = self._start(latents[:, 0])
        means, scales = [mean[:, None]], [scale[:, None]]
        for latent in tf.unstack(latents, axis=1)[:-1]:
            mean, scale, state = self._step(latent, state)
            means.append(mean[:, None])
            scales.append(scale[:, None])
        return tf.concat(means, axis=1), tf.concat(scales, axis=1)

    def sample(self, noise: Tensor) -> Tensor:
        """Samples z_1..z_K sequentially.

        Args:
            noise: Standard normal noise `[B, K, D]`; K may be any number.

        Returns:
            Latents `[B, K, D]`.
        """
        noise = tf.convert_to_tensor(noise, "float32")

        def draw_next(previous, draw):
            _, mean, scale, *state = previous
            latent = mean + scale * draw
            mean, scale, state = self._step(latent, state)
            return latent, mean, scale, *state

        first = noise[:, 0]
        mean, scale, state = self._start(first)
        start = (tf.zeros_like(first), mean, scale, *state)
        # A scan, since K is unknown in exported graphs.
        draws = tf.transpose(noise, [1, 0, 2])  # [K, B, D]
        latents = tf.scan(draw_next, draws, initializer=start)[0]
        return tf.transpose(latents, [1, 0, 2])

    def _start(self, like):
        """Returns mean and scale of z_1 and the state of the LSTM before it."""
        zeros = tf.zeros_like(like)
        state = [tf.zeros([tf.shape(like)[0], self.units])] * 2
        if self.learned_start:
            return self._step(zeros, state)
        return zeros, tf.ones_like(like), state

    def _step(self, latent, state):
        output, state = self.cell(latent, state)
        return *prior_statistics(self.project(output)), state

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, ...]:
        return (tuple(input_shape),) * 2

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "learned_start": self.learned_start,
        }
