"""TensorFlow Datasets builder of Sketchy."""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

from ..archives import extract_tar
from ..images import checked_image
from ..records import read_examples
from ..sources import MANUAL_INSTRUCTIONS, SourceFile, fetch, find_manual

_URL = "https://storage.googleapis.com/sketchy-data"
_SUFFIX = ".tar.bz2"
ARCHIVES = tuple(
    f"{task}__demos-{part:05d}-of-00002"
    for task in ("lift_green", "stack_green_on_red")
    for part in range(2)
)
SIZE = (600, 960)

# Camera -> rows that show the basket; the columns are the same for both.
_ROWS = {"left": (71, 600 - 81), "right": (91, 600 - 61)}
_COLUMNS = (144, 960 - 144)
_MARGIN = 96


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of Sketchy: a robot arm that lifts and stacks coloured blocks."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(*SIZE, 3), encoding_format="jpeg"
                    ),
                    "crops": tfds.features.Tensor(
                        shape=(7, 4),
                        dtype=np.int32,
                        doc="Squares (top, left, height, width) to train on.",
                    ),
                    "camera": tfds.features.ClassLabel(names=list(_ROWS)),
                    "episode": tfds.features.Text(),
                    "step": np.int32,
                }
            ),
            homepage="https://github.com/google-deepmind/deepmind-research/tree/master/"
            "sketchy",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        places = {name: find_manual(dl_manager, self.name, name) for name in ARCHIVES}
        files = {
            name: SourceFile(f"{_URL}/{name}{_SUFFIX}")
            for name, place in places.items()
            if place is None
        }
        paths = fetch(dl_manager, self.name, list(files.values()))
        # Unpacked, since bzip2 is too slow to be read several times.
        extracted = pathlib.Path(dl_manager.download_dir) / "extracted"
        for name, file in files.items():
            path = paths[file.name]
            # The size distinguishes archives of the same name.
            places[name] = extract_tar(
                path, extracted / f"{name}-{path.stat().st_size}"
            )
        episodes = split_episodes(
            [file for place in places.values() for file in place.rglob("*")]
        )
        return {
            split: self._generate_examples(files) for split, files in episodes.items()
        }

    def _generate_examples(self, files):
        features = {f"pixels/basket_front_{camera}": camera for camera in _ROWS}
        for path in files:
            steps = read_examples(
                path, dict.fromkeys(features, "blob"), compressed=False
            )
            for step, stored in enumerate(steps):
                for feature, camera in features.items():
                    name = f"{feature} of step {step} in {str(path)!r}"
                    yield (
                        f"{path.parent.name}/{path.name}/{step}/{camera}",
                        {
                            "image": checked_image(stored[feature], SIZE, name),
                            "crops": crops(camera),
                            "camera": camera,
                            "episode": path.name,
                            "step": step,
                        },
                    )


def split_episodes(paths) -> dict[str, list[pathlib.Path]]:
    """Splits episode files by name: a tenth, a tenth, the rest.

    Files with a suffix, and hidden ones such as `.DS_Store` and `._x`, are not
    episodes.

    Raises:
        ValueError: If there are fewer than ten.
    """
    files = [
        path
        for path in paths
        if path.is_file() and not path.suffix and not path.name.startswith(".")
    ]
    files.sort(key=lambda path: (path.name, path.parent.as_posix()))
    tenth = len(files) // 10
    if not tenth:
        raise ValueError(
            f"sketchy has {len(files)} episode files, fewer than ten. Are the archives "
            "whole?"
        )
    return {
        "train": files[2 * tenth :],
        "validation": files[:tenth],
        "test": files[tenth : 2 * tenth],
    }


def crops(camera: str) -> np.ndarray:
    """Returns the seven square crops of a camera's images.

    Args:
        camera: "left" or "right".

    Returns:
        int32 [7, 4], each (top, left, height, width). Within the part of the image that
        shows the basket, these are the centred square of full height, then smaller
        squares at the top left, middle and right, and the same at the bottom.
    """
    (top, bottom), (left, right) = _ROWS[camera], _COLUMNS
    height, width = bottom - top, right - left
    side = height - _MARGIN
    squares = [(top, left + (width - height) // 2, height, height)]
    for y in (top, bottom - side):
        for x in (left, left + (width - side) // 2, right - side):
            squares.append((y, x, side, side))
    return np.array(squares, np.int32)
