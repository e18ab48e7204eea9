"""An autoregressive prior of which each slot is a mixture of Gaussians."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import integer
from genesis_keras.distributions.gaussian_mixture import (
    mixture_log_prob,
    mixture_moments,
    mixture_sample,
)
from genesis_keras.layers.autoregressive_prior import AutoregressivePrior
from genesis_keras.layers.coupling_flow import CouplingFlow
from genesis_keras.layers.gaussian_statistics import prior_statistics
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class MixturePrior(AutoregressivePrior):
    """Prior whose next slot is a mixture of Gaussians instead of a single one.

    Slots are in random order, so the next one may be the background or an object, of
    one shape or another. A single Gaussian also covers what lies between these; a
    mixture can have a Gaussian for each. For C Gaussians the dense layer outputs C
    logits, and C means and scales as in `AutoregressivePrior`.

    The Gaussians are diagonal, but the values of a latent depend on each other. With
    couplings the mixture is that of the values that a `CouplingFlow` maps the latents
    to, the same for all slots. Neither is in the paper.

    Args:
        units: Units of the LSTM.
        components: C, the number of Gaussians, at least 1.
        learned_start: See `AutoregressivePrior`.
        couplings: Number of couplings of the flow; 0 for none.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        latents: Latents z `[B, K, D]`.

    Returns:
        As `AutoregressivePrior`: the mean and standard deviation of each mixture,
        `[B, K, D]` (with couplings, of the values of the flow), and the log density of
        the latents `[B, K]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.
    """

    def __init__(
        self,
        units: int,
        components: int,
        learned_start: bool = False,
        couplings: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, learned_start, **kwargs)
        self.components = integer("components", components, least=1)
        self.couplings = integer("couplings", couplings, least=0)
        self.flow = None
        if self.couplings:
            self.flow = CouplingFlow(
                self.couplings, dtype=self.dtype_policy, name="flow"
            )

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.flow is not None:
            self.flow.build(input_shape)

    def num_outputs(self) -> int:
        return self.components * (1 + 2 * self.dim)

    def standard(self, like: Tensor) -> tuple[Tensor, ...]:
        means = tf.repeat(tf.zeros_like(like)[:, None], self.components, axis=1)
        return means[..., 0], means, tf.ones_like(means)

    def statistics(self, raw: Tensor) -> tuple[Tensor, ...]:
        logits, raw = tf.split(raw, [self.components, -1], axis=-1)
        leading = tf.unstack(tf.shape(logits)[:-1])
        raw = tf.reshape(raw, [*leading, self.components, 2 * self.dim])
        return logits, *prior_statistics(raw)  # [..., C], [..., C, D], [..., C, D]

    def moments(self, statistics: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return mixture_moments(*statistics)

    def log_prob(self, latents: Tensor, statistics: Sequence[Tensor]) -> Tensor:
        if self.flow is None:
            return mixture_log_prob(latents, *statistics)
        values, log_det = self.flow(latents)
        return mixture_log_prob(values, *statistics) + log_det

    def draw(self, noise: Tensor, statistics: Sequence[Tensor]) -> Tensor:
        values = mixture_sample(noise, *statistics)
        return values if self.flow is None else self.flow.inverse(values)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "components": self.components,
            "couplings": self.couplings,
        }
