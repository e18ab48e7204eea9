"""Locks a work directory, so that only one run uses it."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

from genesis_keras.storage import local_path
from genesis_keras.types import PathLike

LOCK_FILE = ".lock"


@contextlib.contextmanager
def exclusive(workdir: PathLike) -> Iterator[None]:
    """Locks a folder; the lock is released when the process ends for any reason.

    Args:
        workdir: Folder of a run; created if missing.

    Raises:
        ValueError: If another run has locked the folder.
        OSError: If the folder cannot be written.
    """
    workdir = local_path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    with open(workdir / LOCK_FILE, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise ValueError(
                f"workdir={str(workdir)!r} is in use by {holder}: wait for it, or "
                "choose another --workdir"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
