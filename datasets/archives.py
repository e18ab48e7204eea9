"""Reads tar and zip archives, refusing those that would write outside a folder."""

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

# What reading a damaged or odd archive raises: a password, or a compression that is
# not known, is a RuntimeError.
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
"""Bytes of a member that is read into memory, 256 MiB; a larger one is refused."""
MAX_RATIO = 100
"""An archive may unpack to as many times its own size; `MAX_MEMBER` it always may."""
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
    """Reads the files of a tar archive in their order, from front to back.

    Args:
        path: the archive, `.tar`, `.tar.gz` or `.tar.bz2`.

    Yields:
        The name of each regular file and an open file, to be read before the next.
        Links, which the data sets have none of, and folders are passed over.

    Raises:
        ValueError: the archive is damaged or incomplete, a member's path leads out
            of the folder it is unpacked in, or the members' sizes add up to far more
            than the archive's.
    """
    path = pathlib.Path(path)
    limit = max(MAX_MEMBER, MAX_RATIO * path.stat().st_size)
    declared = 0
    with contextlib.ExitStack() as stack:
        # Through gzip and bz2 themselves: they notice a file that ends early, where
        # tarfile would take the end of the data for the end of the archive.
        file = stack.enter_context(_OPENERS.get(path.suffix, open)(path, "rb"))
        with _naming_damage(path):
            tar = stack.enter_context(
                tarfile.open(fileobj=file, mode="r|", tarinfo=_Member)
            )
            member = tar.next()
        while member is not None:
            name = check_name(member.name, path)
            # tarfile reads past members that nobody asks for, so that all count.
            declared += member.size
            _check_size(declared, limit, f"its members up to {name!r}", path)
            if member.isreg():
                with _naming_damage(path):
                    content = tar.extractfile(member)
                yield name, _Guarded(content, member.size, path)
            with _naming_damage(path):
                member = tar.next()
        with _naming_damage(path):
            while file.read(2**20):  # to the end, where the checksum is
                pass


def read_tree(path) -> Iterator[tuple[str, BinaryIO]]:
    """Like `read_tar`, of a folder or a tar archive.

    The names of a folder's files begin with the folder's own name.
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
    """Opens a zip archive whose members all stay in the folder.

    Raises:
        ValueError: the archive is damaged or incomplete, or a member's path leads
            out of the folder it is unpacked in.
    """
    with _naming_damage(path):
        archive = zipfile.ZipFile(path)
    for name in archive.namelist():
        check_name(name, path)
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Reads one file of a zip archive; the errors of `open_zip`.

    Raises:
        ValueError: it is damaged, or has more than `MAX_MEMBER` bytes.
    """
    size = archive.getinfo(name).file_size
    _check_size(size, MAX_MEMBER, f"its member {name!r}", archive.filename)
    with _naming_damage(archive.filename):
        return archive.read(name)


def extract_tar(path, folder) -> pathlib.Path:
    """Unpacks the regular files of a tar archive, all or none.

    Args:
        path: the archive.
        folder: where to; if it exists, the archive has been unpacked already.

    Returns:
        The folder.

    Raises:
        ValueError: as in `read_tar`; nothing is left in `folder`.
        OSError: the folder cannot be written.
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
    """Returns a member's name in its plain form; refuses one that leads outside.

    Raises:
        ValueError: the name is absolute or climbs out with "..".
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
    """Refuses headers so long that they would fill the memory."""

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
