"""Fine-tuning: a run that starts from the weights of a preset."""

import dataclasses

from genesis_keras.presets.reading import read_config
from genesis_keras.training.run_config import RunConfig, check_settings
from genesis_keras.types import Config, PathLike

CLASSES = {
    "GenesisV2": "genesis_v2",
    "Genesis": "genesis",
    "Monet": "monet",
    "SlotAttentionModel": "slot_attention",
}
"""Name of a model's class -> name of the model."""
INHERITED = (
    "appearance_scale",
    "coordinate_scale",
    "final_appearance_scale",
    "final_coordinate_scale",
    "fade_start",
    "region_passes",
    "region_edge_scale",
    "hard_masks",
    "background_share",
    "edge_share",
    "drop_small_remainder",
    "mask_normalization",
    "num_iterations",
    "implicit_gradient",
    "initial_slots",
)
"""Settings of the architecture that may be overridden: no weight depends on them, or
the layer adapts those that do (`SlotAttention.load_own_variables`)."""
INTERCHANGEABLE = {"initial_slots": ("random", "learned")}
"""Setting -> values of which weights with one can be loaded into models with another;
other values of these settings must be those of the preset."""
OF_RECIPE = (
    "stop_mask_gradient",
    "mask_consistency",
    "mask_consistency_weight",
    "mask_consistency_start",
    "mask_guidance",
    "mask_guidance_steps",
    "mask_guidance_final",
    "mask_responsibility",
    "mask_responsibility_start",
    "mask_responsibility_steps",
    "pixel_scale",
    "pixel_scale_final",
    "pixel_scale_steps",
    "posterior_scale_bias",
    "initialization",
    "mask_entropy",
    "cluster_guidance",
)
"""Settings of a model that concern training, not the architecture."""


def fixed_settings() -> tuple[str, ...]:
    """Returns the names of the settings that must be those of the preset.

    The weights fit no other model, or mean something else in it: all settings of the
    topic "Model" but those above, and the size of the images.
    """
    names, topic = ["model", "image_size"], None
    for field in dataclasses.fields(RunConfig):
        topic = field.metadata["topic"] or topic
        if topic == "Model" and field.name not in (*INHERITED, *OF_RECIPE):
            names.append(field.name)
    return tuple(names)


def with_preset(overrides: Config) -> Config:
    """Adds the architecture of the chosen preset to the settings of a run.

    K, the objective and the optimiser's settings remain those of the recipe.

    Args:
        overrides: Dict of the settings chosen by the user. Without
            `init_from_preset` they are returned unchanged.

    Raises:
        ValueError: If the preset is unknown, or its weights depend on a setting for
            which the user chose another value.
        OSError: If the preset cannot be downloaded.
    """
    preset = overrides.get("init_from_preset")
    if not preset:
        return overrides
    return check_settings(_architecture(preset)) | check_preset(preset, overrides)


def check_preset(preset: PathLike, settings: Config) -> Config:
    """Raises a ValueError if settings of a run do not fit the weights of a preset.

    Args:
        preset: Name, folder or `hf://` address.
        settings: Dict of settings.

    Returns:
        The settings.
    """
    architecture = _architecture(preset)
    different = [
        f"{name}={architecture[name]!r}, the run {name}={settings[name]!r}"
        for name in (*fixed_settings(), *INTERCHANGEABLE)
        if name in architecture.keys() & settings.keys()
        and not _fit(name, architecture[name], settings[name])
    ]
    if different:
        raise ValueError(
            f"init_from_preset={preset!r} has another architecture: the preset has "
            f"{different[0]}; leave the flag out, or choose another preset"
        )
    return settings


def _fit(name, theirs, ours):
    return ours == theirs or {ours, theirs} <= set(INTERCHANGEABLE.get(name, ()))


def _architecture(preset):
    """The settings of the architecture of a preset, by their names in a run."""
    try:
        name, arguments = read_config(preset)
    except ValueError as error:
        raise ValueError(f"init_from_preset: {error}") from error
    if name not in CLASSES:
        raise ValueError(
            f"init_from_preset={preset!r} holds a {name}, which is none of the models "
            f"that can be trained here: {', '.join(CLASSES)}"
        )
    model = CLASSES[name]
    fields = {field.name: field for field in dataclasses.fields(RunConfig)}
    names = (*fixed_settings()[1:], *INHERITED)
    # A preset older than a setting has its default.
    return {"model": model} | {
        name: arguments.get(name, fields[name].default)
        for name in names
        if model in (fields[name].metadata["of"] or CLASSES.values())
    }
