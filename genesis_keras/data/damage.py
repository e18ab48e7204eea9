"""Clear errors for data set files that cannot be read."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from genesis_keras.data.preparation import prepare
from genesis_keras.data.registry import FOLDER, get_spec

_FEWER = "Input dataset was expected to contain"


@contextlib.contextmanager
def explaining_damage(
    dataset: str, data_dir: str | os.PathLike | None = None
) -> Iterator[None]:
    """Translates errors of damaged data set files; names the folder to delete.

    Args:
        dataset: String. Name of the data set that the block reads.
        data_dir: Directory of all TFDS data sets. Empty or `None` is TFDS's default.

    Raises:
        ValueError: If a file of the data set is damaged, missing or too short.
    """
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.FailedPreconditionError,
        tf.errors.NotFoundError,
    ) as error:
        spec = get_spec(dataset)
        if spec.builder == FOLDER:
            raise  # the user's pictures cannot be made again
        folder = prepare(spec, data_dir or None).data_dir
        what = _damage(error, folder)
        if what is None:
            raise
        raise ValueError(
            f"a file of the data in {str(folder)!r} is {what}: delete this folder, and "
            "the data set is made again"
        ) from error


def _damage(error, folder):
    """Returns what is wrong with the files, or `None` for an unrelated error."""
    first = error.message.splitlines()[0]
    if isinstance(error, tf.errors.DataLossError):
        return f"damaged ({first.rpartition('}} ')[2].partition(' [Op:')[0]})"
    if isinstance(error, tf.errors.FailedPreconditionError):
        return "too short" if _FEWER in first else None
    # The name of the data set, its configuration and version.
    end = "/".join(pathlib.PurePath(folder).parts[-3:])
    return "missing" if end in first else None
