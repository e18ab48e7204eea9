"""The prior of a slot's component latent, given its mask latent."""

from typing import Any

import keras

from genesis_keras.arguments import integer
from genesis_keras.layers.blocks import dense
from genesis_keras.layers.gaussian_statistics import prior_statistics
from genesis_keras.types import Config, Shape, Tensor

_NUM_HIDDEN = 2


@keras.saving.register_keras_serializable("genesis_keras")
class ConditionalPrior(keras.layers.Layer):
    """Gaussian prior p(z_c | z_m): an MLP with ELU, applied to each slot (GENESIS).

    Args:
        dim: Size of the latent z_c.
        units: Units of the two hidden layers. Defaults to 256.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        condition: z_m `[B, K, C]`.

    Returns:
        `prior_mean` and `prior_scale`, each `[B, K, dim]`.

    Raises:
        ValueError: If an argument is out of range or of the wrong type.

    Example:
        >>> mean, scale = ConditionalPrior(16)(tf.zeros([2, 4, 64]))
        >>> mean.shape
        TensorShape([2, 4, 16])
    """

    def __init__(self, dim: int, units: int = 256, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dim = integer("dim", dim, least=1)
        self.units = integer("units", units, least=1)

    def build(self, input_shape: Shape) -> None:
        widths = [input_shape[-1]] + [self.units] * _NUM_HIDDEN
        self.hidden = [
            dense(
                self.units,
                width,
                activation="elu",
                dtype=self.dtype_policy,
                name=f"hidden_{i}",
            )
            for i, width in enumerate(widths[:-1])
        ]
        self.project = dense(
            2 * self.dim, self.units, dtype=self.dtype_policy, name="project"
        )
        for layer, width in zip([*self.hidden, self.project], widths, strict=True):
            layer.build((None, None, width))

    def call(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        x = condition
        for layer in self.hidden:
            x = layer(x)
        return prior_statistics(self.project(x))

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, ...]:
        return ((*input_shape[:-1], self.dim),) * 2

    def get_config(self) -> Config:
        return {**super().get_config(), "dim": self.dim, "units": self.units}
