"""Imports the builders of data sets and prepares their files on first use."""

import contextlib
import fcntl
import functools
import importlib
import importlib.util
import io
import os
import pathlib
import sys
from typing import Any

import tensorflow as tf
from google.protobuf import json_format

from genesis_keras.data.registry import DatasetSpec
from genesis_keras.storage import local_path

_BUILDERS_PACKAGE = "genesis_keras_datasets"
_DAMAGE = (
    AssertionError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)


def prepare(
    spec: DatasetSpec,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
) -> Any:
    """Prepares the files of a data set unless they exist.

    Args:
        spec: The data set.
        data_dir: Folder of all TFDS data sets; None for `TFDS_DATA_DIR`, or
            `~/tensorflow_datasets` if that is not set.
        manual_dir: Folder of manually downloaded source files; None for
            `downloads/manual` in `data_dir`.

    Returns:
        The `tfds.core.DatasetBuilder`, whose data can be read.

    Raises:
        ValueError: If a source file or the data set's description is damaged, or
            `manual_dir` is not a folder.
        OSError: If a file cannot be fetched, `data_dir` cannot be written, or writing
            failed.
    """
    # Making a builder only determines where TFDS will write.
    builder_class = import_builder(spec.builder).Builder
    make_builder = functools.partial(
        builder_class, config=spec.config, data_dir=_plain(data_dir)
    )
    with _explaining_description(spec, data_dir, builder_class):
        builder = make_builder()
        if builder.data_path.exists() and not builder.info.splits:
            raise ValueError("it names no splits")
    if builder.data_path.exists():
        return builder
    if manual_dir is not None:
        manual_dir = local_path(manual_dir)
        if not manual_dir.is_dir():
            raise ValueError(f"manual_dir={str(manual_dir)!r} is not a folder.")
    where = f"data_dir={str(data_dir)!r}" if data_dir else f"{builder.data_dir!r}"
    _check_writable(builder.data_dir, where)
    verb = "Drawing" if spec.generated else "Making"
    print(
        f"{verb} {spec.name} into {builder.data_dir} ({spec.size}; only once) ...",
        file=sys.stderr,
        flush=True,
    )
    try:
        with _lock(builder.data_dir):
            # Another process may have prepared it while this one was waiting.
            if not builder.data_path.exists():
                _download_and_prepare(builder, manual_dir, quiet=spec.generated)
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        # TFDS converts TensorFlow's error about a full disk to a RuntimeError.
        if type(error) is RuntimeError and not isinstance(
            error.__cause__, tf.errors.OpError
        ):
            raise
        raise OSError(f"Could not make {spec.name} in {where}: {error}") from error
    return make_builder()  # a new builder finds the prepared files


@contextlib.contextmanager
def _explaining_description(spec, data_dir, builder_class):
    """Names the folder to delete where a builder cannot read what it wrote there."""
    try:
        yield
    except (*_DAMAGE, json_format.Error) as error:
        import tensorflow_datasets as tfds

        root = _plain(data_dir) or tfds.core.constants.DATA_DIR
        parts = filter(None, (spec.builder, spec.config, str(builder_class.VERSION)))
        text = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise ValueError(
            f"the description of the data in {str(pathlib.Path(root, *parts))!r} is "
            f"damaged ({text}): delete this folder, and the data set is made again"
        ) from error


def _plain(data_dir):
    """Returns a folder for TFDS with `~` expanded; URLs of buckets are unchanged."""
    if data_dir is None or "://" in os.fspath(data_dir):
        return data_dir
    return str(local_path(data_dir))


def _download_and_prepare(builder, manual_dir, quiet):
    import tensorflow_datasets as tfds

    # Google's bucket has none of these data sets, and looking there can hang without a
    # network.
    config = tfds.download.DownloadConfig(
        try_download_gcs=False, manual_dir=manual_dir and str(manual_dir)
    )
    with contextlib.ExitStack() as stack:
        if quiet:
            # TFDS would announce a download of unknown size and show a progress bar for
            # each split; the notice above is enough.
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        builder.download_and_prepare(download_config=config)


@contextlib.contextmanager
def _lock(path):
    """Locks `path`, since TFDS does not support concurrent preparation."""
    if "://" in str(path):
        yield
        return
    lock = pathlib.Path(f"{path}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_writable(path, where):
    """Raises `OSError` if `path` cannot be created, before any work is done."""
    if "://" in str(path):
        return  # A bucket can only be checked by writing to it.
    folder = local_path(path).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(f"{where} is not usable: {folder} is not a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{where} is not usable: {folder} is not writable.")


def import_builder(name: str) -> Any:
    """Imports the package of a builder, from the installation or the checkout.

    In a checkout the package is named `datasets`. It is not imported by this name,
    since that could be the package of Hugging Face.

    Args:
        name: The builder's name, such as "sprites".

    Returns:
        The module, with the builder class `Builder`.

    Raises:
        ModuleNotFoundError: If the builder is in neither of these.
    """
    try:
        return importlib.import_module(f"{_BUILDERS_PACKAGE}.{name}")
    except ModuleNotFoundError as error:
        if error.name != _BUILDERS_PACKAGE:
            raise
    init = pathlib.Path(__file__).parents[2] / "datasets" / "__init__.py"
    if not (init.parent / name).is_dir():
        raise ModuleNotFoundError(
            f"The builder of {name!r} is neither installed ({_BUILDERS_PACKAGE}) nor "
            f"at {init.parent}.",
            name=_BUILDERS_PACKAGE,
        )
    spec = importlib.util.spec_from_file_location(_BUILDERS_PACKAGE, init)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_BUILDERS_PACKAGE] = module
    spec.loader.exec_module(module)
    return importlib.import_module(f"{_BUILDERS_PACKAGE}.{name}")
