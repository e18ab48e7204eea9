"""TensorFlow Datasets builder of the Amazon Picking Challenge's training images."""

import functools
import pathlib
import random
import re

import numpy as np
import tensorflow_datasets as tfds

from ..archives import open_zip, read_member
from ..images import checked_image, decode_png
from ..sources import MANUAL_INSTRUCTIONS, find_manual, how_to_fetch

_URL = "http://3dvision.princeton.edu/projects/2016/apc/downloads/training.zip"
SIZE = (480, 640)
_EMPTY_SCENE = "scene-empty"
_FRAME = re.compile(
    r"(?:^|/)(training/[^/]+/[^/]+/scene-[^/]+)/(frame-\d+)\.color\.png$"
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of APC: photos of one object in a shelf or a tote, taken by a robot."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(*SIZE, 3), encoding_format="png"
                    ),
                    "segmentation": tfds.features.Image(
                        shape=(*SIZE, 1),
                        encoding_format="png",
                        use_colormap=True,
                        doc="0 is the background, 1 the object.",
                    ),
                    "scene": tfds.features.Text(),
                }
            ),
            homepage="https://3dvision.princeton.edu/projects/2016/apc/",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        place = find_manual(dl_manager, self.name, "training") or find_manual(
            dl_manager, self.name, "training.zip"
        )
        if place is None:
            raise FileNotFoundError(
                "apc is not downloaded by itself: it is 130 GB. "
                + how_to_fetch(
                    self.name, [_URL], ", packed or, as a folder 'training', unpacked,"
                )
            )
        names, read = open_files(place)
        scenes = {}
        for name in names:
            if found := _FRAME.search(name):
                scenes.setdefault(found[1], {})[found[2]] = name
        if len(scenes) < 10:
            raise ValueError(
                f"{str(place)!r} has {len(scenes)} folders training/*/*/scene-*, fewer "
                "than ten. Is it the whole of training.zip?"
            )
        splits = split_scenes(scenes)
        return {
            split: self._generate_examples(
                place, {scene: scenes[scene] for scene in chosen}, set(names), read
            )
            for split, chosen in splits.items()
        }

    def _generate_examples(self, place, scenes, names, read):
        for scene, frames in scenes.items():
            for frame, name in frames.items():
                origin = f"{name} of {str(place)!r}"
                yield (
                    f"{scene}/{frame}",
                    {
                        "image": checked_image(read(name), SIZE, origin),
                        "segmentation": _labels(scene, name, names, read, place),
                        "scene": scene.removeprefix("training/"),
                    },
                )


def split_scenes(scenes) -> dict[str, list[str]]:
    """Splits scenes as the authors did: sorted, then shuffled with seed 0.

    Args:
        scenes: Paths of the scenes, in any order.

    Returns:
        Dict of splits: the first tenth of the shuffled scenes for validation, the next
        tenth for the test split, and the rest for training.
    """
    scenes = sorted(scenes)
    random.Random(0).shuffle(scenes)
    tenth = len(scenes) // 10
    return {
        "train": scenes[2 * tenth :],
        "validation": scenes[:tenth],
        "test": scenes[tenth : 2 * tenth],
    }


def open_files(place):
    """Opens a folder or zip archive without unpacking it.

    Returns:
        The names of its files, which begin with `training/` for a folder of that name,
        and a function that returns the bytes of a file.

    Raises:
        ValueError: If the archive is damaged, or a member's path leads out of it.
    """
    place = pathlib.Path(place)
    if place.is_dir():
        names = [
            path.relative_to(place.parent).as_posix()
            for path in place.rglob("*.png")
            if path.is_file()
        ]
        return names, lambda name: (place.parent / name).read_bytes()
    archive = open_zip(place)
    return archive.namelist(), functools.partial(read_member, archive)


def _labels(scene, name, names, read, place):
    """Returns labels, 1 for the object; empty scenes have no mask and are all 0."""
    if scene.endswith(f"/{_EMPTY_SCENE}"):
        return np.zeros((*SIZE, 1), np.uint8)
    folder, _, frame = name.rpartition("/")
    mask_name = f"{folder}/masks/{frame.replace('.color.png', '.mask.png')}"
    if mask_name not in names:
        raise ValueError(
            f"{str(place)!r} has no label for the frame {name}: {mask_name} is missing"
        )
    mask = decode_png(read(mask_name), SIZE, f"{mask_name} of {str(place)!r}")
    colours = mask[..., :3] if mask.shape[-1] > 2 else mask[..., :1]  # no alpha
    return np.any(colours > 0, axis=-1, keepdims=True).astype(np.uint8)
