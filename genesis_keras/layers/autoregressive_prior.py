"""The prior over object latents: p(z_1..z_K) = prod_k p(z_k | z_1..z_{k-1})."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer
from genesis_keras.distributions.latents import diagonal_normal
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
        `prior_mean` and `prior_scale`, each `[B, K, D]`, and the log density of each
        latent given the earlier ones, in nats, `[B, K]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> prior = AutoregressivePrior(64)
        >>> mean, scale, log_prob = prior(tf.zeros([2, 4, 16]))
        >>> mean.shape, log_prob.shape
        (TensorShape([2, 4, 16]), TensorShape([2, 4]))
    """

    def __init__(self, units: int, learned_start: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = integer("units", units, least=1)
        self.learned_start = boolean("learned_start", learned_start)

    def build(self, input_shape: Shape) -> None:
        self.dim = input_shape[-1]
        self.cell = lstm_cell(self.units, dtype=self.dtype_policy, name="cell")
        self.project = dense(
            self.num_outputs(), self.units, dtype=self.dtype_policy, name="project"
        )
        self.cell.build((None, self.dim))
        self.project.build((None, self.units))

    def call(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        slots = tf.unstack(latents, axis=1)
        first = tf.zeros_like(slots[0])
        given = [first, *slots[:-1]] if self.learned_start else slots[:-1]
        statistics = []
        if not self.learned_start:
            statistics.append([part[:, None] for part in self.standard(first)])
        if given:
            statistics.append(self._after(given))
        statistics = [
            tf.concat(parts, axis=1) for parts in zip(*statistics, strict=True)
        ]
        return *self.moments(statistics), self.log_prob(latents, statistics)

    def sample(self, noise: Tensor) -> Tensor:
        """Samples z_1..z_K sequentially.

        Args:
            noise: Standard normal noise `[B, K, D]`; K may be any number.

        Returns:
            Latents `[B, K, D]`.
        """
        noise = tf.convert_to_tensor(noise, "float32")

        def draw_next(previous, draw):
            _, statistics, state = previous
            latent = self.draw(draw, statistics)
            return latent, *self._step(latent, state)

        first = noise[:, 0]
        start = (tf.zeros_like(first), *self._start(first))
        # A scan, since K is unknown in exported graphs.
        draws = tf.transpose(noise, [1, 0, 2])  # [K, B, D]
        latents = tf.scan(draw_next, draws, initializer=start)[0]
        return tf.transpose(latents, [1, 0, 2])

    def draw_next(self, earlier: Tensor, noise: Tensor) -> Tensor:
        """Samples the next slot, given the earlier ones.

        Args:
            earlier: Latents of the k slots before it `[B, k, D]`; k may be 0.
            noise: Standard normal noise `[B, D]`.

        Returns:
            Its latent `[B, D]`.
        """
        statistics, state = self._start(noise)
        for latent in tf.unstack(earlier, axis=1):
            statistics, state = self._step(latent, state)
        return self.draw(noise, statistics)

    def num_outputs(self) -> int:
        """Returns the number of statistics of one slot."""
        return 2 * self.dim

    def standard(self, like: Tensor) -> tuple[Tensor, ...]:
        """Returns the statistics of N(0, 1) for latents like `like`, `[B, D]`."""
        return tf.zeros_like(like), tf.ones_like(like)

    def statistics(self, raw: Tensor) -> tuple[Tensor, ...]:
        """Returns the statistics of slots, given the dense layer's outputs.

        Args:
            raw: `[..., num_outputs]`.
        """
        return prior_statistics(raw)

    def moments(self, statistics: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Returns mean and standard deviation, `[B, K, D]` each."""
        mean, scale = statistics
        return mean, scale

    def log_prob(self, latents: Tensor, statistics: Sequence[Tensor]) -> Tensor:
        """Returns the log density of latents `[B, K, D]` in nats, `[B, K]`."""
        return diagonal_normal(*statistics).log_prob(latents)

    def draw(self, noise: Tensor, statistics: Sequence[Tensor]) -> Tensor:
        """Returns a sample `[B, D]`, made of standard normal noise `[B, D]`."""
        mean, scale = statistics
        return mean + scale * noise

    def _after(self, given):
        """Returns the statistics `[B, k, ...]` of the slots after each of k latents."""
        outputs, state = [], self._initial_state(given[0])
        for latent in given:
            output, state = self.cell(latent, state)
            outputs.append(output)
        # All slots at once, which is faster than one after the other.
        return self.statistics(self.project(tf.stack(outputs, axis=1)))

    def _initial_state(self, like):
        return [tf.zeros([tf.shape(like)[0], self.units])] * 2

    def _start(self, like):
        """Returns the statistics of z_1 and the state of the LSTM before it."""
        state = self._initial_state(like)
        if self.learned_start:
            return self._step(tf.zeros_like(like), state)
        return self.standard(like), state

    def _step(self, latent, state):
        output, state = self.cell(latent, state)
        return self.statistics(self.project(output)), state

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, ...]:
        shape = tuple(input_shape)
        return shape, shape, shape[:-1]

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "learned_start": self.learned_start,
        }
