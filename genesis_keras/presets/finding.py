"""Resolves the name of a preset to its folder."""

import pathlib

from genesis_keras.presets import layout
from genesis_keras.storage import local_path
from genesis_keras.types import PathLike

DEFAULT_PRESET = "genesis_v2_sprites_hard"


def bundled_names() -> list[str]:
    """Returns the names of the presets that come with the package, sorted."""
    if not layout.BUNDLED.is_dir():
        return []
    return sorted(
        folder.name for folder in layout.BUNDLED.iterdir() if layout.is_preset(folder)
    )


def default_preset() -> str:
    """Returns the name of the default preset of commands.

    Raises:
        ValueError: If it does not come with this package.
    """
    if DEFAULT_PRESET not in (names := bundled_names()):
        raise ValueError(
            f"pass --preset: {DEFAULT_PRESET!r} is not among the bundled presets "
            f"({', '.join(names) or 'none'})"
        )
    return DEFAULT_PRESET


def preset_name(preset: PathLike) -> str:
    """Returns the name of a preset; for that of a run, the name of the run.

    Args:
        preset: See `find_preset`.
    """
    path = pathlib.PurePath(preset)
    return path.parent.name if path.name == layout.RUN_PRESET else path.name


def find_preset(preset: PathLike) -> pathlib.Path:
    """Returns the folder of a preset; downloads it from the Hugging Face Hub if needed.

    Args:
        preset: The name of a bundled preset, the path of a folder or of a finished
            run, or `hf://USER/NAME` for a repository of the Hugging Face Hub.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        ValueError: If there is no such preset, or `huggingface_hub` is not installed.
        OSError: If the preset cannot be downloaded.
    """
    name = str(preset)
    if name.startswith(layout.HUB):
        return _checked(_download(name), preset)
    if name in (names := bundled_names()):
        return layout.BUNDLED / name
    folder = local_path(name).expanduser()
    if folder.is_dir():
        of_run = folder / layout.RUN_PRESET
        return _checked(of_run if of_run.is_dir() else folder, preset)
    raise ValueError(
        f"preset={name!r} is neither a bundled preset ({', '.join(names) or 'none'}) "
        "nor a folder; presets of the Hugging Face Hub are hf://USER/NAME"
    )


def _checked(folder, preset):
    if not layout.is_preset(folder):
        raise ValueError(
            f"preset={str(preset)!r} is not a preset: it needs {layout.CONFIG_FILE} "
            f"and {layout.WEIGHTS_FILE}"
        )
    return folder


def _download(name):
    """Returns the local copy of a repository of the hub."""
    try:
        import huggingface_hub  # also used by `keras.saving.load_model`
        from huggingface_hub import errors
    except ModuleNotFoundError as error:
        raise ValueError(
            f"preset={name!r} needs `pip install 'genesis-keras[hub]'`: {error}"
        ) from error
    repository = name.removeprefix(layout.HUB)
    try:
        folder = huggingface_hub.snapshot_download(
            repository,
            allow_patterns=["*.json", "*.h5", "*.md", f"{layout.EXAMPLES}/*.png"],
            library_name="genesis-keras",
        )
    except errors.HFValidationError as error:
        raise ValueError(
            f"preset={name!r} must be hf://USER/NAME: {_first_line(error)}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ValueError(
            f"preset={name!r}: the Hugging Face Hub has no repository {repository!r}, "
            "or it is private and you are not logged in (`hf auth login`)"
        ) from error
    except (
        errors.HfHubHTTPError,
        OSError,
    ) as error:  # including no network and no local copy
        raise OSError(
            f"preset={name!r} cannot be downloaded: {_first_line(error)}"
        ) from error
    return local_path(folder)


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
