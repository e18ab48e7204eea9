"""Converts the release's weights to a `.keras` file."""

import pathlib

from genesis_keras.convert import checkpoint, layout
from genesis_keras.convert.verify import CONVERTERS
from genesis_keras.storage import local_path, replacing
from genesis_keras.types import Arrays, Config, Model, PathLike

# Prefixes of weights that identify the model.
_TELLING = {
    "genesisv2": "seg_head.",
    "genesis": "att_process.core.q_z_",
    "monet": "att_process.core.final_conv.",
}


def convert(path: PathLike, out: PathLike, flags_path: PathLike | None = None) -> Model:
    """Converts a checkpoint of the release to a `.keras` file.

    Args:
        path: The checkpoint, see `checkpoint.read`.
        out: The `.keras` file to write; an existing file is replaced when the new one
            is complete.
        flags_path: The release's `flags.json`; may be None for a recording, which
            contains its flags.

    Returns:
        The model.

    Raises:
        ValueError: If a file cannot be read, flags are missing, or weights are missing,
            unexpected or of the wrong shape (all are listed).
        OSError: If `out` cannot be written.
    """
    out = local_path(out)
    if out.suffix != ".keras":
        raise ValueError(f"--out must end with .keras; got {str(out)!r}")
    state, flags = checkpoint.read(path)
    if flags_path is not None:
        flags = checkpoint.read_flags(flags_path)
    elif not flags:
        raise ValueError(f"{str(path)!r} does not say its settings: pass --flags")
    try:
        model = load_model(state, flags)
    except ValueError as error:
        files = f"{str(path)!r}" + (f" with {str(flags_path)!r}" if flags_path else "")
        raise ValueError(f"{files}: {error}") from error
    with replacing(out) as partial:
        model.save(partial)
    return model


def load_model(state: Arrays, flags: Config) -> Model:
    """Builds the model described by weights and flags, and loads the weights.

    Args:
        state: The release's state dict, name -> array.
        flags: The release's flags.

    Raises:
        ValueError: If no model has such weights, a flag is missing, or weights are
            missing, unexpected or of the wrong shape.
    """
    family = family_of(state, flags)
    converter = CONVERTERS[family]
    for name in ("img_size", "K_steps"):
        if type(flags.get(name)) is not int:
            raise ValueError(f"flags must have an integer {name}; got {flags}")
    try:
        model = converter.build(
            state, {**flags, "model": str(flags.get("model", family))}
        )
    except KeyError as error:
        raise ValueError(
            f"weights do not fit the model: missing {error.args[0]}, which tells its "
            "size"
        ) from error
    except IndexError as error:
        raise ValueError(
            "weights do not fit the model: one that tells its size has too few axes"
        ) from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"flags or weights describe no model: {error}") from error
    weights = converter.weights(model)
    known = {name for weight in weights for name in weight.names}
    constants = [
        name
        for name, array in state.items()
        if name not in known and checkpoint.is_coordinate_grid(array)
    ]
    state = {name: array for name, array in state.items() if name not in constants}
    layout.load_weights(weights, state)
    return model


def family_of(state: Arrays, flags: Config) -> str:
    """Returns the key in `CONVERTERS` for the model of the flags or weights.

    Args:
        state: The release's state dict, name -> array.
        flags: The release's flags.

    Raises:
        ValueError: If they belong to none of these models.
    """
    named = str(flags.get("model") or flags.get("model_config") or "")
    family = pathlib.PurePath(named).stem.split("_")[0]
    if family in CONVERTERS:
        return family
    for family, start in _TELLING.items():
        if any(name.startswith(start) for name in state):
            return family
    raise ValueError(
        f"these are weights of none of {', '.join(CONVERTERS)}: {sorted(state)[:5]}..."
    )
