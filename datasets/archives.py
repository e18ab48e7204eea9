"""Reads tar and zip archives, rejecting those that would write outside a folder."""

import bz2
import contextlib
import gzip
import lzma
import os
import pathlib
import shutil
import struct
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

# Errors raised on reading a damaged or unsupported archive; a password or an unknown
# compression raises a RuntimeError.
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,
    ValueError,
    OSError,
)
MAX_MEMBER = 2**28
"""Maximum bytes of a member that is read into memory, 256 MiB."""
MAX_RATIO = 100
"""Maximum ratio of an archive's unpacked size to its size, above `MAX_MEMBER`."""
_MAX_HEADER = 2**20  # bytes of a member's name and attributes in a tar archive
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_OPENERS = {".gz": gzip.open, ".bz2": bz2.open}


def read_tar(path) -> Iterator[tuple[str, BinaryIO]]:
    """Reads the files of a tar archive sequentially.

    Args:
        path: The archive, `.tar`, `.tar.gz` or `.tar.bz2`.

    Yields:
        The name of each regular file and an open file, which must be read before the
        next one. Links (which the data sets do not contain) and folders are skipped.

    Raises:
        ValueError: If the archive is damaged or incomplete, a member's path is outside
            the target folder, or the total size of the members is much larger than the
            archive.
    """
    path = pathlib.Path(path)
    limit = max(MAX_MEMBER, MAX_RATIO * path.stat().st_size)
    declared = 0
    with contextlib.ExitStack() as stack:
        # gzip and bz2 are used directly since they detect truncated files, which
        # tarfile would consider the end of the archive.
        file = stack.enter_context(_OPENERS.get(path.suffix, open)(path, "rb"))
        with _naming_damage(path):
            tar = stack.enter_context(
                tarfile.open(fileobj=file, mode="r|", tarinfo=_Member)
            )
            member = tar.next()
        while member is not None:
            name = check_name(member.name, path)
            # tarfile also reads skipped members, so all of them count.
            declared += member.size
            _check_size(declared, limit, f"its members up to {name!r}", path)
            if member.isreg():
                with _naming_damage(path):
                    content = tar.extractfile(member)
                yield name, _Guarded(content, member.size, path)
            with _naming_damage(path):
                member = tar.next()
        with _naming_damage(path):
            while file.read(2**20):  # until the checksum at the end
                pass


def read_tree(path) -> Iterator[tuple[str, BinaryIO]]:
    """Like `read_tar`, for a folder or a tar archive.

    The names of files in a folder begin with the name of the folder.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        yield from read_tar(path)
        return
    for file in sorted(path.rglob("*")):
        if file.is_file():
            with open(file, "rb") as content:
                yield file.relative_to(path.parent).as_posix(), content


def open_zip(path) -> zipfile.ZipFile:
    """Opens a zip archive after checking the paths of its members.

    Raises:
        ValueError: If the archive is damaged or incomplete, or a member's path is
            outside the target folder.
    """
    with _naming_damage(path):
        archive = zipfile.ZipFile(path)
    for name in archive.namelist():
        check_name(name, path)
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Reads a file of a zip archive.

    Raises:
        ValueError: If the file is damaged, or has more than `MAX_MEMBER` bytes.
    """
    size = archive.getinfo(name).file_size
    _check_size(size, MAX_MEMBER, f"its member {name!r}", archive.filename)
    with _naming_damage(archive.filename):
        return archive.read(name)


def extract_tar(path, folder) -> pathlib.Path:
    """Unpacks the regular files of a tar archive atomically.

    Args:
        path: The archive.
        folder: Target folder; if it exists, the archive is considered unpacked.

    Returns:
        The folder.

    Raises:
        ValueError: As in `read_tar`; nothing is left in `folder`.
        OSError: If the folder cannot be written.
    """
    folder = pathlib.Path(folder)
    if folder.exists():
        return folder
    partial = folder.with_name(f".{uuid.uuid4().hex}.{folder.name}")
    try:
        partial.mkdir(parents=True)
        for name, content in read_tar(path):
            target = partial / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as file:
                shutil.copyfileobj(content, file, 2**20)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def check_name(name: str, path) -> str:
    """Returns the normalised name of a member; rejects paths outside the folder.

    Raises:
        ValueError: If the name is absolute or leaves the folder with "..".
    """
    parts = pathlib.PurePosixPath(name.replace("\\", "/"))
    drive = pathlib.PureWindowsPath(name).drive
    if parts.is_absolute() or drive or ".." in parts.parts:
        raise ValueError(
            f"{str(path)!r} is refused: its member {name!r} would be written outside "
            "the folder it is unpacked in. Nothing was unpacked."
        )
    return str(parts)


def _check_size(size, limit, what, path):
    if size > limit:
        raise ValueError(
            f"{str(path)!r} is refused: {what} would have {size:,} bytes, more than "
            f"the limit of {limit:,}."
        )


@contextlib.contextmanager
def _naming_damage(path):
    try:
        yield
    except _DAMAGED as error:
        raise ValueError(
            f"{str(path)!r} is damaged or incomplete: {error}. Delete it and fetch it "
            "again."
        ) from error


class _Member(tarfile.TarInfo):
    """Rejects headers that are so long that they would fill the memory."""

    def _proc_member(self, tar):
        if self.type in _HEADERS and self.size > _MAX_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tar)


class _Guarded:
    """A file inside an archive whose errors name the archive."""

    def __init__(self, file, size, path):
        self._file = file
        self._size = size
        self._path = path

    def read(self, size=-1):
        if size is None or size < 0:
            _check_size(self._size, MAX_MEMBER, "a member", self._path)
        with _naming_damage(self._path):
            return self._file.read(size)
