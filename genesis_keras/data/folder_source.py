"""A folder of pictures, with or without labels, as a data set."""

import hashlib
import io
import os
import pathlib
import sys

import numpy as np
import tensorflow as tf
from PIL import Image

from genesis_keras.data import exif
from genesis_keras.data.picture_files import (
    PictureFiles,
    find_pictures,
    say_left_out,
)
from genesis_keras.data.pictures import (
    decode_picture,
    orientation_of_png,
    reason_of,
)
from genesis_keras.storage import local_path

MAX_PIXELS = 8192**2
"""Maximum size of a picture; a larger one raises an error."""
_SPLITS = ("train", "validation", "test")
_LABEL_MODES = ("L", "P", "1")
_FILE = tf.TensorSpec([], tf.string)
_LABELS = tf.TensorSpec([None, None, 1], tf.uint8)
_SLOW = (
    5000  # above this number of pictures, checking takes long enough to print a notice
)


class FolderSource:
    """The pictures of a split of a folder, with or without labels.

    Pictures are PNG or JPEG files in the folder or its subfolders; `picture_files`
    defines the rules for their names, and `pictures` how they are read. If there are
    subfolders `train`, `validation` and `test`, these are the splits. Otherwise
    pictures are assigned by a hash of their names: a tenth, at least one, to
    validation, a tenth to the test split and the rest to training. All files of the
    split are decoded once at the beginning, as a check. The files that were skipped are
    summarised in one line on standard error.

    The labels of `NAME.jpg` (or .png) are in `NAME.label.png` in the same folder: a
    greyscale or palette image of 8 bits, with 0 for the background, oriented like the
    picture in a viewer. Either all pictures of a split have labels, or none.

    Args:
        folder: The folder.
        split: "train", "validation" or "test", or a part in TFDS's notation.

    Attributes:
        size: Number of pictures.
        record_bytes: Size of a picture's file, on average.

    Raises:
        ValueError: If there are no pictures, a file is damaged, or a label is missing,
            has another size or belongs to two pictures; the message names the file.
        OSError: If a file cannot be read.
    """

    def __init__(self, folder: str | os.PathLike | None, split: str) -> None:
        if not folder:
            raise ValueError("dataset='folder' needs data_dir, the folder of pictures.")
        self._folder = local_path(folder)
        if not self._folder.is_dir():
            raise ValueError(f"data_dir={str(folder)!r} is not a folder.")
        splits, files = split_pictures(self._folder)
        self._paths = _choose(splits, split)
        if not self._paths:
            raise ValueError(f"split={split!r} of {str(folder)!r} has no pictures.")
        self._labels = _find_labels(self._paths, files)
        _check(self._paths, self._labels)
        self.size = len(self._paths)
        self.record_bytes = sum(p.stat().st_size for p in self._paths) / self.size

    def records(self) -> tf.data.Dataset:
        """Dataset of encoded pictures, {name: string}, in the order of their names."""
        paths = {"image": _as_bytes(self._paths)}
        if self._labels:
            paths["segmentation"] = _as_bytes(self._labels)
        return tf.data.Dataset.from_tensor_slices(paths).map(
            lambda example: {k: tf.io.read_file(path) for k, path in example.items()},
            tf.data.AUTOTUNE,
        )

    def decode(self, record: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Decodes a record into uint8 "image" [H, W, 3] and "segmentation"."""
        image = _picture(record["image"])
        if "segmentation" not in record:
            return {"image": image}
        content = record["segmentation"]
        labels = tf.numpy_function(decode_label, [content], tf.uint8)
        labels.set_shape([None, None, 1])
        return {"image": image, "segmentation": _upright(labels, content)}


# Traced once in a process, for all folders and splits.
@tf.function(input_signature=[_FILE], autograph=False)
def _picture(content):
    return decode_picture(content, "it", MAX_PIXELS)


@tf.function(input_signature=[_LABELS, _FILE], autograph=False)
def _upright(labels, content):
    return exif.turn(labels, orientation_of_png(content))


def split_pictures(
    folder: pathlib.Path,
) -> tuple[dict[str, list[pathlib.Path]], PictureFiles]:
    """Finds the pictures of a folder and splits them, see `FolderSource`.

    Returns:
        Dict from split to the sorted paths of its pictures, and all files that were
        found.

    Raises:
        ValueError: If some but not all of the three splits have a folder, or there are
            fewer than three pictures to split.
    """
    existing = [split for split in _SPLITS if (folder / split).is_dir()]
    if existing:
        if len(existing) < len(_SPLITS):
            missing = sorted(set(_SPLITS) - set(existing))
            raise ValueError(
                f"data_dir={str(folder)!r} has a folder {existing[0]!r} but none named "
                f"{missing[0]!r}: it must have all of {', '.join(_SPLITS)}, or none."
            )
        return _folders_of_splits(folder)
    files = find_pictures(folder)
    paths = files.pictures
    say_left_out(folder, files)
    if len(paths) < len(_SPLITS):
        raise ValueError(
            f"data_dir={str(folder)!r} has {len(paths)} PNG or JPEG pictures; at least "
            "three are needed, one each for train, validation and test."
        )
    names = {path: path.relative_to(folder).as_posix() for path in paths}
    mixed = sorted(
        paths, key=lambda path: hashlib.sha256(os.fsencode(names[path])).digest()
    )
    tenth = max(1, len(paths) // 10)
    parts = (mixed[2 * tenth :], mixed[:tenth], mixed[tenth : 2 * tenth])
    splits = {split: sorted(part) for split, part in zip(_SPLITS, parts, strict=True)}
    return splits, files


def _folders_of_splits(folder):
    rest = find_pictures(folder, without=_SPLITS)
    for path in rest.pictures:
        rest.left_out["pictures beside the folders of the splits"][path.name] += 1
    splits = {}
    for split in _SPLITS:
        # Each by itself: one may be a link to another.
        found = find_pictures(folder / split)
        splits[split] = found.pictures
        rest.labels |= found.labels
        for what, names in found.left_out.items():
            rest.left_out[what] += names
    say_left_out(folder, rest)
    return splits, rest


def _choose(splits, split):
    """The pictures of a split, or of a part of it in TFDS's notation."""
    if split in splits:
        return splits[split]
    import tensorflow_datasets as tfds

    infos = {
        name: tfds.core.SplitInfo(
            name=name, shard_lengths=[len(paths)], num_bytes=0, filename_template=None
        )
        for name, paths in splits.items()
        if paths
    }
    try:
        parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(infos)
    except (AssertionError, KeyError, ValueError) as error:
        raise ValueError(f"split={split!r} cannot be read: {error}") from error
    return [
        path for part in parts for path in splits[part.splitname][part.from_ : part.to]
    ]


def _find_labels(paths, files):
    """The label of each picture, or None if there are none at all."""
    labels = [files.label_of(path) for path in paths]
    if not any(labels):
        return None
    if None in labels:
        first = paths[labels.index(None)]
        raise ValueError(
            f"{labels.count(None)} of {len(labels)} pictures have no labels, the "
            f"first is {str(first)!r}: {str(first.with_suffix('.label.png'))!r} is "
            "missing. Either all pictures of a split have labels or none has."
        )
    owners = {}
    for path, label in zip(paths, labels, strict=True):
        if label in owners:
            raise ValueError(
                f"{str(owners[label])!r} and {str(path)!r} share the labels "
                f"{str(label)!r}. Rename one and give it labels of its own."
            )
        owners[label] = path
    return labels


def _check(paths, labels):
    """Decodes each file once; refuses what cannot be read or does not fit."""
    if len(paths) > _SLOW:
        print(f"Checking {len(paths)} pictures ...", file=sys.stderr, flush=True)
    sizes = _sizes(paths)
    if labels is None:
        return
    for label in labels:
        check_label(label)
    for label, found, expected in zip(labels, _sizes(labels), sizes, strict=True):
        if found != expected:
            raise ValueError(
                f"{str(label)!r} is not of the size of its picture: {found[1]} x "
                f"{found[0]} pixels instead of {expected[1]} x {expected[0]}. Labels "
                "must be drawn on the picture as a viewer shows it."
            )


def _sizes(paths):
    """Decodes pictures; returns the height and width of each."""
    dataset = tf.data.Dataset.from_tensor_slices(_as_bytes(paths)).map(
        lambda path: tf.shape(_picture(tf.io.read_file(path)))[:2],
        tf.data.AUTOTUNE,
    )
    found, batches = [], iter(dataset)
    for path in paths:
        try:
            found.append(tuple(next(batches).numpy().tolist()))
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"{str(path)!r} is no picture: {reason_of(error)}"
            ) from None
        except tf.errors.OpError as error:
            raise OSError(f"{str(path)!r} cannot be read: {reason_of(error)}") from None
    return found


def _as_bytes(paths):
    """Paths for TensorFlow: their bytes, which need not be UTF-8."""
    return [os.fsencode(path) for path in paths]


def check_label(path: pathlib.Path) -> None:
    """Looks at the header of a file of labels.

    Raises:
        ValueError: If it is not a greyscale or palette PNG of 8 bits.
    """
    try:
        with Image.open(path) as image:
            form, mode = image.format, image.mode
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{str(path)!r} is no picture: {error}") from error
    found = f"is a {form} file" if form != "PNG" else f"has pixels of mode {mode!r}"
    if form != "PNG" or mode not in _LABEL_MODES:
        raise ValueError(
            f"{str(path)!r} {found}: labels must be a greyscale or palette PNG of 8 "
            "bits, 0 for the background."
        )


def decode_label(data: bytes) -> np.ndarray:
    """Decodes a PNG of labels into the numbers stored in it, uint8 [H, W, 1].

    TensorFlow is not used, since it would convert the indices of a palette to colours.
    """
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image).astype(np.uint8)[..., None]
