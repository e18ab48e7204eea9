"""Finds a data set's source files: downloaded manually or by TFDS."""

import dataclasses
import pathlib
import shutil
import sys
from collections.abc import Sequence

# Seconds to wait for a server's first response.
_TIMEOUT = 20

MANUAL_INSTRUCTIONS = (
    "Any file named in README.md that is in this folder, or in a folder of it with "
    "the data set's name, is used instead of a download."
)


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file of a data set's source.

    Args:
        url: Its address.
        gigabytes: Approximate size, for messages and the estimate of the required
            space; 0 if unknown.
    """

    url: str
    gigabytes: float = 0.0

    @property
    def name(self) -> str:
        """The file's name, the last part of the address."""
        return self.url.rpartition("/")[2]


def find_manual(dl_manager, dataset: str, name: str) -> pathlib.Path | None:
    """Looks for a file or folder among the manually downloaded ones.

    Args:
        dl_manager: TFDS's download manager.
        dataset: Name of the data set; a subfolder of this name is searched first.
        name: Name of the file or folder.

    Returns:
        The path, or None.
    """
    try:
        manual_dir = pathlib.Path(dl_manager.manual_dir)
    except AssertionError:  # The folder is empty or does not exist.
        return None
    for path in (manual_dir / dataset / name, manual_dir / name):
        if path.exists():
            return path
    return None


def fetch(
    dl_manager, dataset: str, files: Sequence[SourceFile]
) -> dict[str, pathlib.Path]:
    """Returns the paths of source files, downloading missing ones.

    Prints what will be downloaded, and raises an error if the disk is too small.

    Args:
        dl_manager: TFDS's download manager.
        dataset: Name of the data set.
        files: The required files.

    Returns:
        Dict from file names to paths.

    Raises:
        OSError: If a download is impossible or would not fit; the message explains what
            to download manually, and where to put it.
    """
    found = {file.name: find_manual(dl_manager, dataset, file.name) for file in files}
    missing = [file for file in files if found[file.name] is None]
    if missing:
        sizes = _remote_sizes(dataset, missing)
        _check_space(dl_manager, dataset, sizes)
        paths = dl_manager.download({file.name: file.url for file in missing})
        found.update({name: pathlib.Path(path) for name, path in paths.items()})
    return found


def how_to_fetch(dataset: str, urls: Sequence[str], what: str = "") -> str:
    """Returns a sentence that explains how to download files manually.

    Args:
        dataset: Name of the data set.
        urls: Addresses of the files.
        what: Additional text about the place of files in the folder.
    """
    them = "it" if len(urls) == 1 else "them"
    return (
        f"Fetch {' and '.join(urls)} by other means, put {them} into a folder DIR"
        f"{what} and pass --manual_dir=DIR (with tfds.load: download_config="
        "tfds.download.DownloadConfig(manual_dir=DIR) among "
        f"download_and_prepare_kwargs). More in datasets/{dataset}/README.md."
    )


def _remote_sizes(dataset, files):
    """Returns the sizes of files on their server; checks that it is available."""
    import requests

    sizes = {}
    for file in files:
        try:
            answer = requests.head(file.url, timeout=_TIMEOUT, allow_redirects=True)
            answer.raise_for_status()
        except requests.RequestException as error:
            urls = [file.url for file in files]
            raise OSError(
                f"{file.url} cannot be downloaded ({_brief(error)}). "
                f"{how_to_fetch(dataset, urls)}"
            ) from error
        size = int(answer.headers.get("Content-Length", 0))
        sizes[file.url] = size or int(file.gigabytes * 1e9)
    return sizes


def _brief(error):
    """Returns the innermost reason of an error of `requests`."""
    if error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    reason = error
    while reason.args and isinstance(reason.args[0], Exception):
        reason = reason.args[0]
    return str(getattr(reason, "reason", None) or reason).rpartition(": ")[2]


def _check_space(dl_manager, dataset, sizes):
    """Announces a download; raises an error if it does not fit on the disk."""
    folder = pathlib.Path(dl_manager.download_dir)
    while not folder.exists():
        folder = folder.parent
    download = sum(sizes.values())
    # The prepared data set with PNG or JPEG images takes about the same space again.
    needed, free = 2 * download, shutil.disk_usage(folder).free
    print(
        f"{dataset}: {_gigabytes(download)} to download into "
        f"{dl_manager.download_dir}, and about as much again for the data set; "
        f"{_gigabytes(free)} are free there.",
        file=sys.stderr,
        flush=True,
    )
    if free < needed:
        raise OSError(
            f"{dataset} needs about {_gigabytes(needed)} in {str(folder)!r}, where "
            f"{_gigabytes(free)} are free. Make room, or choose another data_dir; "
            "nothing was downloaded."
        )


def _gigabytes(size):
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
