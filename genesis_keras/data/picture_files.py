"""Finds the pictures and labels of a folder by their names."""

import collections
import dataclasses
import os
import pathlib
import sys

ENDINGS = (".png", ".jpg", ".jpeg")
_LABEL = ".label"
# Folders in which operating systems, file servers and archivers keep copies and deleted
# files. All folders whose names begin with a dot are skipped too.
_SYSTEM_FOLDERS = frozenset(
    (
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "@eadir",
        "__macosx",
        "__pycache__",
        "lost+found",
        "system volume information",
    )
)
_said = set()


@dataclasses.dataclass
class PictureFiles:
    """The pictures and labels of a folder and its subfolders.

    `NAME.png`, `NAME.jpg` and `NAME.jpeg` are pictures, and `NAME.label.png` in the
    same folder are their labels; suffixes are case-insensitive. Hidden files, hidden
    folders and system folders are skipped. Links are followed, but no folder is read
    twice.

    Attributes:
        pictures: Paths of the pictures, sorted.
        labels: Dict from a picture's folder and NAME to the path of its labels.
        left_out: Dict from the reason for skipping files to their names or suffixes,
            with counts.
    """

    pictures: list[pathlib.Path] = dataclasses.field(default_factory=list)
    labels: dict[tuple[pathlib.Path, str], pathlib.Path] = dataclasses.field(
        default_factory=dict
    )
    left_out: dict[str, collections.Counter] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(collections.Counter)
    )

    def label_of(self, picture: pathlib.Path) -> pathlib.Path | None:
        """Returns the path of a picture's labels, or None."""
        return self.labels.get((picture.parent, picture.stem))

    def summary(self) -> str:
        """Returns a description of the skipped files; empty if there are none."""
        return ", ".join(
            f"{sum(names.values())} {what} ({_some(names)})"
            for what, names in sorted(self.left_out.items())
        )


def find_pictures(
    folder: pathlib.Path,
    without: tuple[str, ...] = (),
    endings: tuple[str, ...] = ENDINGS,
) -> PictureFiles:
    """Finds the pictures and labels of a folder and its subfolders.

    Args:
        folder: The folder.
        without: Names of its direct subfolders that are skipped.
        endings: Suffixes of pictures, in lower case.

    Raises:
        ValueError: If labels are no PNG file, or a picture has two.
        OSError: If a folder cannot be read.
    """
    files = PictureFiles()
    seen = {os.path.realpath(folder)}
    for place, folders, names in os.walk(folder, onerror=_fail, followlinks=True):
        place = pathlib.Path(place)
        # os.walk only descends into the folders that remain in the list.
        folders[:] = [
            name
            for name in sorted(folders)
            if not (place == folder and name in without)
            and _is_wanted(place / name, files.left_out, seen)
        ]
        for name in sorted(names):
            _sort_in(place / name, files, endings)
    stems = {(path.parent, path.stem) for path in files.pictures}
    for key in files.labels.keys() - stems:
        files.left_out["labels without a picture"][files.labels[key].name] += 1
    files.pictures.sort()
    return files


def say_left_out(folder: pathlib.Path, files: PictureFiles) -> None:
    """Prints the skipped files on standard error; the same message only once."""
    words = f"{str(folder)!r}: left out {files.summary()}."
    if files.left_out and words not in _said:
        _said.add(words)
        print(words, file=sys.stderr, flush=True)


def _fail(error):
    raise error


def _is_wanted(folder, left_out, seen):
    name = folder.name.casefold()
    if name.startswith(".") or name in _SYSTEM_FOLDERS:
        left_out["hidden or system folders"][folder.name] += 1
        return False
    place = os.path.realpath(folder)
    if place in seen:
        left_out["folders that links lead to twice"][folder.name] += 1
        return False
    seen.add(place)
    return True


def _sort_in(path, files, endings):
    """Adds a file to the pictures, the labels or the skipped files."""
    ending = path.suffix.lower()
    is_picture = ending in endings
    if path.name.startswith("."):
        files.left_out["hidden files"][path.name] += 1
    elif not path.exists():
        files.left_out["broken links"][path.name] += 1
    elif not path.is_file() or not is_picture:
        files.left_out["other files"][ending or "without an ending"] += 1
    elif path.stem.lower().endswith(_LABEL):
        if ending != ".png":
            raise ValueError(
                f"{str(path)!r}: labels must be PNG files, NAME{_LABEL}.png, since "
                "JPEG changes the numbers."
            )
        key = (path.parent, path.stem[: -len(_LABEL)])
        if key in files.labels:
            raise ValueError(
                f"{str(files.labels[key])!r} and {str(path)!r} are labels of the same "
                "picture. Remove one."
            )
        files.labels[key] = path
    else:
        files.pictures.append(path)


def _some(names, most=3):
    """Returns the most common names; names that are not valid text are escaped."""
    first = sorted(names, key=lambda name: (-names[name], name))[:most]
    words = [ascii(name)[1:-1] for name in first]
    return ", ".join(words + ["..."] * (len(names) > most))
