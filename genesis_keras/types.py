"""Names of types for annotations, which need no import of TensorFlow or Keras.

Type checkers see the types themselves. While a program runs they all are `Any`: an
annotation must not make `import genesis_keras` slow.
"""

import os
from typing import TYPE_CHECKING, Any

PathLike = str | os.PathLike[str]
"""A path as users give it; a leading `~` is expanded."""
Shape = tuple[int | None, ...]
Config = dict[str, Any]
Scores = dict[str, float]

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    Array = np.ndarray
    Arrays = dict[str, np.ndarray]
    Tensor = tf.Tensor | keras.KerasTensor
    TensorLike = tf.Tensor | keras.KerasTensor | np.ndarray | list | float
    Outputs = dict[str, Tensor]
    Draws = dict[str, Tensor]
    Variable = keras.Variable
    Dataset = tf.data.Dataset
    Images = np.ndarray | tf.Tensor | dict[str, TensorLike] | tf.data.Dataset
    Layer = keras.layers.Layer
    Model = keras.Model
    Optimizer = keras.optimizers.Optimizer
    Callback = keras.callbacks.Callback
    History = keras.callbacks.History
    Strategy = tf.distribute.Strategy
else:
    Array = Tensor = TensorLike = Variable = Dataset = Images = Any
    Layer = Model = Optimizer = Callback = History = Strategy = Any
    Arrays = Outputs = Draws = dict[str, Any]
