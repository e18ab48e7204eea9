"""Prepares data sets from dummy source files."""

import contextlib
import importlib
import io

from ..rendered.rendered_config import RenderedConfig

# Data sets that are split by numbers of scenes get smaller numbers.
_COUNTS = {"num_test": 3, "num_validation": 2}


def make(name: str, source, data_dir):
    """Prepares all variants of a data set from dummy source files.

    Args:
        name: Name of the data set.
        source: Folder with the files, in a folder of the data set's name.
        data_dir: Folder of all TFDS data sets.
    """
    import tensorflow_datasets as tfds

    package = importlib.import_module(f"..{name}", __package__)
    for config in file_configs(package.Builder) or [None]:
        with fewer_test_scenes(config), contextlib.ExitStack() as stack:
            for redirect in (contextlib.redirect_stdout, contextlib.redirect_stderr):
                stack.enter_context(redirect(io.StringIO()))  # progress bars
            builder = package.Builder(config=config, data_dir=str(data_dir))
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(
                    manual_dir=str(source), try_download_gcs=False
                )
            )


def file_configs(builder_class) -> list:
    """Returns the configurations of a builder that are based on source files."""
    configs = builder_class.BUILDER_CONFIGS
    return [config for config in configs if not isinstance(config, RenderedConfig)]


@contextlib.contextmanager
def fewer_test_scenes(config):
    """Context manager in which a configuration has smaller numbers of scenes.

    TFDS does not accept another configuration of the same name, so this one is changed
    temporarily.

    Args:
        config: Configuration of a builder; those without numbers of scenes are not
            changed.
    """
    before = {name: getattr(config, name) for name in _COUNTS if hasattr(config, name)}
    for name in before:
        setattr(config, name, _COUNTS[name])
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)
