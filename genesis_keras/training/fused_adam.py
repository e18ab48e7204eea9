"""Adam whose update of a variable is a single operation."""

import keras
import tensorflow as tf

from genesis_keras.types import Tensor, Variable


@keras.saving.register_keras_serializable("genesis_keras")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with TensorFlow's fused kernel.

    Keras updates a variable in about twenty operations, each of which reads and writes
    arrays of the variable's size. TensorFlow's `ApplyAdam` has the same formula in one
    sweep. Variables, arguments, results (up to rounding) and saved states are those of
    `keras.optimizers.Adam`; with `amsgrad`, for sparse gradients and for weights in 16
    bits so are the operations.

    Example:
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile(FusedAdam(1e-3), loss="mse")
    """

    def update_step(
        self, gradient: Tensor, variable: Variable, learning_rate: Tensor
    ) -> None:
        """Updates a variable with its gradient."""
        sparse = isinstance(gradient, tf.IndexedSlices)
        if self.amsgrad or sparse or tf.as_dtype(variable.dtype).size < 4:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


def _handle(variable):
    """The resource of a variable of Keras or TensorFlow."""
    if isinstance(variable, keras.Variable):
        variable = variable.value
    return variable.handle
