"""The models by name, as on the command line."""

import inspect

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


def get_model(name):
    """Looks a model up.

    Args:
        name: Name of a model.

    Returns:
        Its class.

    Raises:
        ValueError: There is no such model; the message lists those that there are.
    """
    if name not in MODELS:
        raise ValueError(f"model must be one of {sorted(MODELS)}; got {name!r}")
    return MODELS[name]


def settings_of(model_class):
    """Returns the names of the arguments of a model's constructor, in order."""
    names = list(inspect.signature(model_class.__init__).parameters)
    return [name for name in names if name not in ("self", "kwargs")]
