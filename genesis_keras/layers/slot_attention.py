"""Slot attention: slots compete iteratively for the features of pixels."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from genesis_keras.arguments import boolean, choice, integer
from genesis_keras.layers.random_source import RandomSource
from genesis_keras.types import Config, Shape, Tensor

INITIAL_SLOTS = ("random", "learned", "given")
_EPSILON = 1e-8  # keeps the weights finite for slots without pixels
_NORM_EPSILON = 1e-3  # of this baseline's release; other normalisations use 1e-5


@keras.saving.register_keras_serializable("genesis_keras")
class SlotAttention(keras.layers.Layer):
    """Iterative attention that is normalised over the slots (Algorithm 1).

    Slots are initialised with samples of a learned Gaussian. In each iteration the
    attention is `m = softmax_k(q_k . k_n / sqrt(D))`, over the slots. Each slot is
    updated with the mean of the values v_n, with weights m + 1e-8 normalised over the
    pixels, by a GRU and a residual MLP. The layer is equivariant to permutations of the
    slots' noise (Locatello et al., NeurIPS 2020, Section 2.1).

    With `implicit_gradient`, an extension of that paper, the iterations are considered
    a search for a fixed point, whose gradient is approximated to first order by that of
    the last iteration (Chang, Griffiths and Levine, NeurIPS 2022). The gradient of the
    slots before it goes straight to the initial slots (Jia, Liu and Huang, ICLR 2023).
    With `initial_slots="learned"` the initial slots are learned, as in the latter
    paper, and not random: a slot can have a role, such as the background. A call with
    more slots adds random samples of the Gaussian that has their mean and standard
    deviation. With "given" the initial slots are an argument of the call.

    Args:
        num_slots: Number of slots K; a call may use another K.
        slot_dim: D, the size of slots, keys, queries and values.
        num_iterations: Number of iterations; a call may use another number.
        hidden_dim: Hidden units of the MLP.
        implicit_gradient: Whether gradients skip all iterations but the last. Outputs
            do not depend on it, up to rounding.
        initial_slots: "random", "learned" or "given".
        seed: Random seed of the noise.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features of the pixels `[B, N, C]`.
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        num_iterations: Iterations of this call; defaults to that of the constructor.
        noise: Standard normal noise `[B, K, D]`; sampled if None.
        given: The initial slots `[B, K, D]`, if they are "given".

    Returns:
        The slots `[B, K, D]`, and log m of the last iteration `[B, K, N]`, normalised
        over the slots.

    Raises:
        ValueError: If a number is below 1, or the noise does not have K slots of size
            D, or initial slots are missing.

    Example:
        >>> slots, log_masks = SlotAttention(5, slot_dim=8)(tf.zeros([2, 100, 16]))
        >>> slots.shape, log_masks.shape
        (TensorShape([2, 5, 8]), TensorShape([2, 5, 100]))
    """

    def __init__(
        self,
        num_slots: int,
        slot_dim: int = 64,
        num_iterations: int = 3,
        hidden_dim: int = 128,
        implicit_gradient: bool = False,
        initial_slots: str = "random",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_slots = integer("num_slots", num_slots, least=1)
        self.slot_dim = integer("slot_dim", slot_dim, least=1)
        self.num_iterations = integer("num_iterations", num_iterations, least=1)
        self.hidden_dim = integer("hidden_dim", hidden_dim, least=1)
        self.implicit_gradient = boolean("implicit_gradient", implicit_gradient)
        self.initial_slots = choice("initial_slots", initial_slots, INITIAL_SLOTS)
        self.random = RandomSource(seed, name="random")
        self.seed = self.random.seed

    def build(self, input_shape: Shape) -> None:
        dim, channels = self.slot_dim, input_shape[-1]
        initial = {
            "random": {"initial_mean": 1, "initial_log_scale": 1},
            "learned": {"learned_slots": self.num_slots},
            "given": {},
        }
        for name, size in initial[self.initial_slots].items():
            weight = self.add_weight(
                shape=(1, size, dim),
                initializer=keras.initializers.GlorotUniform(),
                name=name,
            )
            setattr(self, name, weight)
        for name, size in (
            ("norm_inputs", channels),
            ("norm_slots", dim),
            ("norm_hidden", dim),
        ):
            norm = keras.layers.LayerNormalization(
                epsilon=_NORM_EPSILON, dtype=self.dtype_policy, name=name
            )
            norm.build((None, None, size))
            setattr(self, name, norm)
        for name, size in (("query", dim), ("key", channels), ("value", channels)):
            dense = keras.layers.Dense(
                dim, use_bias=False, dtype=self.dtype_policy, name=name
            )
            dense.build((None, None, size))
            setattr(self, name, dense)
        self.cell = keras.layers.GRUCell(dim, dtype=self.dtype_policy, name="cell")
        self.cell.build((None, dim))
        self.hidden = keras.layers.Dense(
            self.hidden_dim, activation="relu", dtype=self.dtype_policy, name="hidden"
        )
        self.hidden.build((None, None, dim))
        self.residual = keras.layers.Dense(
            dim, dtype=self.dtype_policy, name="residual"
        )
        self.residual.build((None, None, self.hidden_dim))

    def call(
        self,
        inputs: Tensor,
        num_slots: int | Tensor | None = None,
        num_iterations: int | None = None,
        noise: Tensor | None = None,
        given: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        num_slots = self.num_slots if num_slots is None else num_slots
        if num_iterations is None:
            num_iterations = self.num_iterations
        num_slots = integer("num_slots", num_slots, least=1)
        num_iterations = integer("num_iterations", num_iterations, least=1)
        inputs = self.norm_inputs(inputs)
        keys, values = self.key(inputs), self.value(inputs)  # [B, N, D]
        batch = tf.shape(inputs)[0]
        initial = slots = self._start(batch, num_slots, noise, given)  # [B, K, D]
        for i in range(num_iterations):
            if self.implicit_gradient and i == num_iterations - 1:
                slots = initial + tf.stop_gradient(slots - initial)
            log_masks = self._compete(slots, keys)  # [B, K, N]
            slots = self._update(slots, log_masks, values)  # [B, K, D]
        return slots, log_masks

    def _start(self, batch, num_slots, noise, given):
        if self.initial_slots == "given":
            if given is None:
                raise ValueError("given must be the initial slots; got None")
            return given
        if noise is None:
            noise = self.random.normal([batch, num_slots, self.slot_dim])
        noise = tf.convert_to_tensor(noise, self.compute_dtype)
        if noise.shape[1:] != (num_slots, self.slot_dim):
            raise ValueError(
                f"noise must have shape [B, {num_slots}, {self.slot_dim}]; "
                f"got {noise.shape}"
            )
        if self.initial_slots == "random":
            return self.initial_mean + tf.exp(self.initial_log_scale) * noise
        learned = tf.convert_to_tensor(self.learned_slots)  # [1, K, D]
        mean, scale = (
            reduce(learned, axis=1, keepdims=True)
            for reduce in (tf.reduce_mean, tf.math.reduce_std)
        )
        others = mean + scale * noise[:, self.num_slots :]
        learned = tf.repeat(learned[:, :num_slots], batch, axis=0)
        return tf.concat([learned, others], axis=1)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Loads the initial slots; called by Keras.

        From weights of random slots, learned ones become samples of their Gaussian,
        and from those of learned slots, the Gaussian gets their mean and scale. If the
        weights have another number of learned slots, the last ones are left out, or
        samples added. Samples depend on the seed of the layer.
        """
        values = [np.asarray(store[str(i)], "float32") for i in range(len(store))]
        if len(values) == 2 and self.initial_slots == "learned":
            mean, log_scale = values
            values = [self._with_samples(mean[:, :0], mean, np.exp(log_scale))]
        elif len(values) == 1:
            (slots,) = values
            mean, scale = (f(slots, axis=1, keepdims=True) for f in (np.mean, np.std))
            if self.initial_slots == "learned":
                values = [self._with_samples(slots, mean, scale)]
            else:
                values = [mean, np.log(scale + _EPSILON)]
        super().load_own_variables({str(i): value for i, value in enumerate(values)})

    def _with_samples(self, slots, mean, scale):
        """Returns K initial slots `[1, K, D]`, the given ones first."""
        rng = np.random.default_rng(self.seed)
        noise = rng.normal(size=(1, self.num_slots, self.slot_dim))
        samples = mean + scale * noise[:, slots.shape[1] :]
        return np.concatenate([slots[:, : self.num_slots], samples], axis=1)

    def _compete(self, slots, keys):
        """Returns log masks `[B, K, N]`: a distribution over slots at each pixel."""
        queries = self.query(self.norm_slots(slots)) * self.slot_dim**-0.5
        return tf.nn.log_softmax(tf.matmul(queries, keys, transpose_b=True), axis=1)

    def _update(self, slots, log_masks, values):
        """Returns the slots, updated with the pixels assigned to them."""
        weights = tf.exp(log_masks) + _EPSILON
        weights /= tf.reduce_sum(weights, axis=-1, keepdims=True)
        readings = tf.matmul(weights, values)  # [B, K, D]
        flat = [tf.reshape(x, [-1, self.slot_dim]) for x in (readings, slots)]
        updated, _ = self.cell(flat[0], [flat[1]])  # [B*K, D]
        slots = tf.reshape(updated, tf.shape(slots))
        return slots + self.residual(self.hidden(self.norm_hidden(slots)))

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, ...]:
        batch, pixels, _ = input_shape
        slots = (batch, self.num_slots)
        return (*slots, self.slot_dim), (*slots, pixels)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_slots": self.num_slots,
            "slot_dim": self.slot_dim,
            "num_iterations": self.num_iterations,
            "hidden_dim": self.hidden_dim,
            "implicit_gradient": self.implicit_gradient,
            "initial_slots": self.initial_slots,
            "seed": self.seed,
        }
