"""A function of a SavedModel."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function of the SavedModel with its inputs and outputs.

    Attributes:
        inputs: Specs of the inputs, in alphabetical order of their names.
        outputs: Dict from names to specs of the outputs.
        function: Function of the inputs, in order, that returns a dict of the outputs.
        defaults: Dict from inputs to their default values.
    """

    inputs: tuple[tf.TensorSpec, ...]
    outputs: Mapping[str, tf.TensorSpec]
    function: Callable
    defaults: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def graph(self) -> Any:
        """Returns the `tf.function`, whose defaults are saved in the SavedModel."""

        def served(*inputs):
            return self.function(*inputs)

        # TensorFlow takes names and defaults of the inputs from the Python signature.
        served.__signature__ = inspect.Signature(
            [
                inspect.Parameter(
                    spec.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=self._default(spec),
                )
                for spec in self.inputs
            ]
        )
        return tf.function(served, input_signature=self.inputs, autograph=False)

    def _default(self, spec):
        if spec.name not in self.defaults:
            return inspect.Parameter.empty
        return tf.constant(self.defaults[spec.name], spec.dtype)
