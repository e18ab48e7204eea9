"""Settings of every run: model, data, length."""

import dataclasses

from genesis_keras.training.validation import setting

MODELS = ("genesis_v2", "genesis", "monet", "slot_attention")
"""Names of the models; `models.registry` maps them to classes."""
MAX_STEPS = 99_999_999  # names of checkpoints have eight digits
_SIZES = (32, 64, 128, 256, 512, 1024)
_MAX_SEED = 2**31 - 1
_MAX_SLOTS = 256  # MAX_SLOTS of `arguments`, a module that imports NumPy


@dataclasses.dataclass(frozen=True)
class GeneralSettings:
    """What is trained, on which data, and for how long."""

    model: str = setting(
        "genesis_v2", "Name of the model.", topic="Run", choices=MODELS
    )
    dataset: str = setting("sprites/hard", "Name of the data set, NAME or NAME/CONFIG.")
    recipe: str = setting("", "paper or fast; fast is the default without GPU.")
    seed: int = setting(
        0, "Random seed of weights, noise and data order.", least=0, most=_MAX_SEED
    )
    steps: int = setting(
        500_000,
        "Total training steps, including resumed ones.",
        least=1,
        most=MAX_STEPS,
    )
    batch_size: int = setting(32, "Images per step, over all devices.", least=1)
    image_size: int = setting(
        64, "Side of the images, a power of two >= 32.", choices=_SIZES
    )
    num_slots: int = setting(
        7, "Number of slots K in training.", least=1, most=_MAX_SLOTS
    )
