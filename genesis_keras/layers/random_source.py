"""A random number generator whose state is saved with the model."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import seed as checked_seed
from genesis_keras.types import Config, Shape, Tensor

ALGORITHM = "philox"  # the default differs between XLA and some devices
_KEY = "seed_generator_state"


def seed_pair(seed: Tensor | int) -> Tensor:
    """Returns a seed for TensorFlow's stateless random functions, `[2]` int32.

    Args:
        seed: A pair of integers, or one integer that is used twice.
    """
    seed = tf.reshape(tf.cast(seed, "int32"), [-1])
    return tf.concat([seed, seed], 0)[:2]


@keras.saving.register_keras_serializable("genesis_keras")
class RandomSource(keras.layers.Layer):
    """A `keras.random.SeedGenerator` whose state is part of `.keras` files.

    Keras does not save the state of seed generators. With it, a loaded model continues
    the sequence of random numbers of the saved one. Note that for the same state, code
    compiled by XLA generates other numbers than code that is not.

    Args:
        seed: Random seed; chosen at random if None.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    output_shape = ()  # for `summary`, since the layer is never called

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = checked_seed("seed", seed)
        self.generator = keras.random.SeedGenerator(self.seed)
        self.build(())

    def seed_at(self, *indices: Any) -> Tensor:
        """Returns a seed for stateless random functions without changing the state.

        Args:
            *indices: Integers or scalar tensors; each combination gives another seed.
        """
        seed = tf.bitcast(tf.convert_to_tensor(self.generator.state)[0], "int32")
        seed = seed_pair(seed)
        for index in indices:
            seed = tf.random.fold_in(seed, index, alg=ALGORITHM)
        return seed

    def uniform(self, shape: Shape) -> Tensor:
        """Samples from U(0, 1), float32."""
        return keras.random.uniform(shape, seed=self.generator, dtype="float32")

    def normal(self, shape: Shape) -> Tensor:
        """Samples from N(0, 1), float32."""
        return keras.random.normal(shape, seed=self.generator, dtype="float32")

    def save_own_variables(self, store: Any) -> None:
        store[_KEY] = self.generator.state.numpy()

    def load_own_variables(self, store: Any) -> None:
        self.generator.state.assign(store[_KEY])

    def get_config(self) -> Config:
        return {**super().get_config(), "seed": self.seed}
