"""Random state that is saved with the object that draws from it."""

import keras
import tensorflow as tf

from genesis_keras.arguments import seed as checked_seed

ALGORITHM = "philox"  # by default XLA and some devices draw other numbers
_KEY = "seed_generator_state"


def seed_pair(seed):
    """Returns the `[2]` int32 that TensorFlow's stateless draws take.

    Args:
        seed: An integer, which is doubled, or two.
    """
    seed = tf.reshape(tf.cast(seed, "int32"), [-1])
    return tf.concat([seed, seed], 0)[:2]


@keras.saving.register_keras_serializable("genesis_keras")
class RandomSource(keras.layers.Layer):
    """A `keras.random.SeedGenerator` whose state is part of `.keras` files.

    Keras leaves the state of seed generators out; with it, a loaded model goes on
    drawing where the saved one stopped. From the same state code compiled by XLA draws
    other numbers than code that is not.

    Args:
        seed: Seed of the draws; None for a random one.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    output_shape = ()  # for `summary`: it is not called

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = checked_seed("seed", seed)
        self.generator = keras.random.SeedGenerator(self.seed)
        self.build(())

    def seed_at(self, *indices):
        """Returns the seed of stateless draws, `[2]` int32; no state changes.

        Args:
            *indices: Integers or scalar tensors; each combination has its own draws.
        """
        seed = tf.bitcast(tf.convert_to_tensor(self.generator.state)[0], "int32")
        seed = seed_pair(seed)
        for index in indices:
            seed = tf.random.fold_in(seed, index, alg=ALGORITHM)
        return seed

    def uniform(self, shape):
        """Draws from U(0, 1), float32."""
        return keras.random.uniform(shape, seed=self.generator, dtype="float32")

    def normal(self, shape):
        """Draws from N(0, 1), float32."""
        return keras.random.normal(shape, seed=self.generator, dtype="float32")

    def save_own_variables(self, store):
        store[_KEY] = self.generator.state.numpy()

    def load_own_variables(self, store):
        self.generator.state.assign(store[_KEY])

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
