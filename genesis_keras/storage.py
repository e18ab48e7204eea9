"""Paths as users write them; files that appear only when complete."""

import contextlib
import json
import math
import os
import pathlib
import re
import shutil
import uuid

_PARTIAL = re.compile(r"\.[0-9a-f]{32}\..+")  # names that `replacing` gives


def local_path(path):
    """Returns a path that a user gave, with a leading `~` expanded.

    Shells leave the `~` of `--flag=~/x` alone, and Python's `open` makes a folder of
    that name: every path from outside goes through here.

    Args:
        path: String or path-like.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: The path is empty, has a null byte, or names a user without a
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
    """Yields a path to write to, which then takes the place of `path`.

    A reader never meets half a file, and when writing fails (a full disk, a killed
    run) what was there before is intact.

    Args:
        path: The file to make or replace; missing folders are made.

    Yields:
        A path in the same folder, with the same ending.

    Raises:
        OSError: The file cannot be written; it names `path`.
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
    """Removes what writers of files that were killed have left in a folder.

    None may be writing there now.

    Args:
        folder: The folder; it may be missing.
    """
    folder = pathlib.Path(folder)
    for path in folder.iterdir() if folder.is_dir() else ():
        if _PARTIAL.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path):
    """Yields a folder to fill, which appears under the name `path` when complete.

    Args:
        path: The folder to make; missing parents are made.

    Yields:
        A hidden folder next to it.

    Raises:
        ValueError: There is something at `path` already.
        OSError: The folder cannot be written; it names `path`.
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
    """Writes a dict as JSON, whole or not at all.

    Args:
        path: The file.
        content: What to write; NaN and infinity become null.

    Raises:
        OSError: The file cannot be written.
    """
    with replacing(path) as partial:
        text = json.dumps(_strict(content), indent=2, allow_nan=False)
        partial.write_text(text + "\n")


def _strict(content):
    """The content without NaN and infinity, for which JSON has no words."""
    if isinstance(content, dict):
        return {str(key): _strict(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_strict(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
