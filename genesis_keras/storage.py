"""Expansion of user paths, and atomic writing of files and folders."""

import contextlib
import json
import math
import os
import pathlib
import re
import shutil
import uuid

_PARTIAL = re.compile(r"\.[0-9a-f]{32}\..+")  # names of temporary files of `replacing`


def local_path(path):
    """Returns the path of a user with a leading `~` expanded.

    Shells do not expand the `~` of `--flag=~/x`, and Python would create a folder of
    that name. All paths given by users are therefore passed to this function.

    Args:
        path: String or path-like.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If the path is empty, has a null byte, or names a user without a
            home folder.
    """
    text = os.fspath(path)
    if not text or "\0" in text:
        raise ValueError(f"a path must be a non-empty name; got {text!r}")
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"cannot expand {text!r}: there is no such user") from error


@contextlib.contextmanager
def replacing(path):
    """Yields a temporary path to write to, which then replaces `path`.

    Readers never see a partial file, and if writing fails (full disk, killed process)
    the previous file is intact.

    Args:
        path: The file to create or replace; missing folders are created.

    Yields:
        A path in the same folder, with the same suffix.

    Raises:
        OSError: If the file cannot be written; it names `path`.
    """
    path = local_path(path)
    partial = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise OSError(
            f"cannot write {str(path)!r}: {error}; what was saved before is intact"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_partial(folder):
    """Removes temporary files that killed processes left in a folder.

    No process may be writing to the folder.

    Args:
        folder: The folder; it does not need to exist.
    """
    folder = pathlib.Path(folder)
    for path in folder.iterdir() if folder.is_dir() else ():
        if _PARTIAL.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path):
    """Yields a temporary folder to fill, which is then renamed to `path`.

    Args:
        path: The folder to create; missing parents are created.

    Yields:
        A hidden folder in the same parent.

    Raises:
        ValueError: If `path` already exists.
        OSError: If the folder cannot be written; it names `path`.
    """
    path = local_path(path)
    if path.exists():
        raise ValueError(f"there is already something at {str(path)!r}; it is kept")
    partial = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        partial.mkdir(parents=True)
        yield partial
        os.rename(partial, path)
    except OSError as error:
        raise OSError(f"cannot write {str(path)!r}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path, content):
    """Writes a dict as JSON, atomically.

    Args:
        path: The file.
        content: The dict; NaN and infinity are written as null.

    Raises:
        OSError: If the file cannot be written.
    """
    with replacing(path) as partial:
        text = json.dumps(_strict(content), indent=2, allow_nan=False)
        partial.write_text(text + "\n")


def _strict(content):
    """Replaces NaN and infinity, which JSON does not support."""
    if isinstance(content, dict):
        return {str(key): _strict(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_strict(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
