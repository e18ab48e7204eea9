"""Group normalisation with its activation folded in."""

import keras


@keras.saving.register_keras_serializable("genesis_keras")
class GroupNormalization(keras.layers.GroupNormalization):
    """`keras.layers.GroupNormalization` followed by an activation.

    Args:
        activation: Name of the activation applied to the result, or None.
        **kwargs: Arguments of `keras.layers.GroupNormalization`.
    """

    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, inputs):
        return self.activation(super().call(inputs))

    def get_config(self):
        config = super().get_config()
        return {**config, "activation": keras.activations.serialize(self.activation)}
