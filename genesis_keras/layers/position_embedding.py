"""Learned linear position embedding."""

import keras
import tensorflow as tf

from genesis_keras.types import Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class PositionEmbedding(keras.layers.Layer):
    """Adds a dense layer of (y, x, 1 - y, 1 - x) to a feature map.

    y and x range from 0 in the first row or column to 1 in the last.

    Args:
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[N, H, W, C]`; H and W must be static.

    Returns:
        `[N, H, W, C]`.
    """

    def build(self, input_shape: Shape) -> None:
        _, height, width, channels = input_shape
        self.project = keras.layers.Dense(
            channels, dtype=self.dtype_policy, name="project"
        )
        self.project.build((1, height, width, 4))

    def call(self, inputs: Tensor) -> Tensor:
        height, width = inputs.shape[1:3]
        axes = tf.linspace(0.0, 1.0, height), tf.linspace(0.0, 1.0, width)
        grid = tf.stack(tf.meshgrid(*axes, indexing="ij"), axis=-1)  # [H, W, 2]
        grid = tf.concat([grid, 1.0 - grid], axis=-1)[None]  # [1, H, W, 4]
        return inputs + self.project(grid)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
