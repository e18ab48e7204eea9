"""Float32 copies of models, since other programs and processors lack bfloat16."""

from genesis_keras.types import Model


def in_float32(model: Model) -> Model:
    """Returns the model, or a copy that computes in float32 if it does not.

    The weights of a model are float32 in every precision, so the copy has the same.

    Args:
        model: A model of this package.
    """
    if model.dtype_policy.name == "float32":
        return model
    twin = type(model).from_config({**model.get_config(), "dtype": "float32"})
    twin.set_weights(model.get_weights())
    return twin
