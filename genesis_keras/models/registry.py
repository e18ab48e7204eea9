"""Looks models up by the names that the command line uses."""

import inspect

from genesis_keras.models.generative import GenerativeModel
from genesis_keras.models.genesis import Genesis
from genesis_keras.models.genesis_v2 import GenesisV2
from genesis_keras.models.monet import Monet
from genesis_keras.models.slot_attention import SlotAttentionModel

MODELS = {
    "genesis_v2": GenesisV2,
    "genesis": Genesis,
    "monet": Monet,
    "slot_attention": SlotAttentionModel,
}


def get_model(name: str) -> type:
    """Returns a model class by name.

    Args:
        name: Name of a model.

    Returns:
        The model class.

    Raises:
        ValueError: If there is no such model; the message lists the available ones.
    """
    if name not in MODELS:
        raise ValueError(f"model must be one of {sorted(MODELS)}; got {name!r}")
    return MODELS[name]


def settings_of(model_class: type) -> list[str]:
    """Returns the names of a model's constructor arguments, in order.

    The arguments of `GenerativeModel` that a model passes on in its `**kwargs` come
    last.
    """
    classes = [model_class]
    if issubclass(model_class, GenerativeModel):
        classes.append(GenerativeModel)
    names = {
        name: None
        for each in classes
        for name in inspect.signature(each.__init__).parameters
    }
    return [name for name in names if name not in ("self", "kwargs")]
