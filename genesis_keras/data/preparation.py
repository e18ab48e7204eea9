"""Finds a data set's builder and makes its files on first use."""

import contextlib
import fcntl
import functools
import importlib
import importlib.util
import io
import os
import pathlib
import sys

import tensorflow as tf

from genesis_keras.data.registry import DatasetSpec
from genesis_keras.storage import local_path

_BUILDERS_PACKAGE = "genesis_keras_datasets"


def prepare(
    spec: DatasetSpec,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
):
    """Makes a data set's files unless they exist.

    Args:
        spec: the data set.
        data_dir: folder of all TFDS data sets; None is `TFDS_DATA_DIR` or else
            `~/tensorflow_datasets`.
        manual_dir: folder of source files fetched by hand; None is
            `downloads/manual` in `data_dir`.

    Returns:
        The `tfds.core.DatasetBuilder`, ready to be read.

    Raises:
        ValueError: a source file is damaged, or `manual_dir` is no folder.
        OSError: a file cannot be fetched, `data_dir` cannot be written, or writing
            failed.
    """
    # A builder's folder is where TFDS will write; nothing is written yet.
    make_builder = functools.partial(
        import_builder(spec.builder).Builder,
        config=spec.config,
        data_dir=_plain(data_dir),
    )
    builder = make_builder()
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
            # Another process may have made it while this one waited.
            if not builder.data_path.exists():
                _download_and_prepare(builder, manual_dir, quiet=spec.generated)
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        # TFDS turns what TensorFlow says of a full disk into a RuntimeError.
        if type(error) is RuntimeError and not isinstance(
            error.__cause__, tf.errors.OpError
        ):
            raise
        raise OSError(f"Could not make {spec.name} in {where}: {error}") from error
    return make_builder()  # one that finds what it or another process has made


def _plain(data_dir):
    """A folder of data sets as TFDS takes it, `~` expanded; buckets stay as given."""
    if data_dir is None or "://" in os.fspath(data_dir):
        return data_dir
    return str(local_path(data_dir))


def _download_and_prepare(builder, manual_dir, quiet):
    import tensorflow_datasets as tfds

    # Google's bucket has none of these data sets, and without a network the
    # question alone can hang.
    config = tfds.download.DownloadConfig(
        try_download_gcs=False, manual_dir=manual_dir and str(manual_dir)
    )
    with contextlib.ExitStack() as stack:
        if quiet:
            # TFDS announces a download of unknown size and draws a bar for each
            # split; the notice above has said what there is to say.
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        builder.download_and_prepare(download_config=config)


@contextlib.contextmanager
def _lock(path):
    """Lets one process at a time make the files of `path`; TFDS does not."""
    if "://" in str(path):
        yield
        return
    lock = pathlib.Path(f"{path}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_writable(path, where):
    """Raises OSError unless `path` can be made; says so before any work is done."""
    if "://" in str(path):
        return  # A bucket: only writing to it can tell.
    folder = local_path(path).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(f"{where} is not usable: {folder} is not a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{where} is not usable: {folder} is not writable.")


def import_builder(name: str):
    """Imports one builder's package, from the installation or the checkout.

    `datasets`, the package's name in a checkout, may be Hugging Face's; so it is
    never imported by that name here.

    Args:
        name: the builder's name, such as "sprites".

    Returns:
        The module, whose `Builder` is the builder's class.

    Raises:
        ModuleNotFoundError: the builders are in neither place.
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
