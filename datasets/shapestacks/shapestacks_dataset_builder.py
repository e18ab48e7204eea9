"""TensorFlow Datasets builder of ShapeStacks."""

import re

import numpy as np
import tensorflow_datasets as tfds

from ..archives import read_tree
from ..images import checked_image, decode_png
from ..rendered.rendered_config import RenderedConfig
from ..sources import MANUAL_INSTRUCTIONS, SourceFile, fetch, find_manual

_URL = (
    "http://shapestacks-file.robots.ox.ac.uk/static/download/v1/shapestacks-{}.tar.gz"
)
SIZE = (224, 224)

# Required folder -> its archive and size in gigabytes according to the authors.
_PARTS = {"splits": ("meta", 0), "iseg": ("iseg", 0.4), "recordings": ("rgb", 33)}

# TFDS's name of a split -> name of its file.
_SPLITS = {"train": "train", "validation": "eval", "test": "test"}

_FRAME = re.compile(r"(?:^|/)recordings/([^/]+)/rgb-(.+)-cam_(\d+)-mono-0\.png$")
_LABEL = re.compile(
    r"(?:^|/)iseg/([^/]+)/iseg-w=0-f=0-l=0-c=original-cam_(\d+)-mono-0\.map$"
)
_SPLIT_FILE = "splits/{}/{}.txt"

# Red, green and blue of a map are the label times this value.
_LABEL_STEP = 32
_MAX_LABEL = 6


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of ShapeStacks: stacks of two to six blocks, cylinders and balls."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(
            name="default", description="The authors' default split."
        ),
        tfds.core.BuilderConfig(
            name="blocks_all", description="The authors' split with stacks of blocks."
        ),
        tfds.core.BuilderConfig(
            name="ccs_all",
            description="The authors' split with cuboids, cylinders and spheres.",
        ),
        RenderedConfig(
            name="rendered",
            description="Stacks like the original ones, rendered on this machine.",
            kind="stacks",
            image_size=SIZE[0],
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        if isinstance(self.builder_config, RenderedConfig):
            return self.dataset_info_from_configs(
                features=self.builder_config.features()
            )
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
                        doc="0 is the background, 1 to 6 the objects, from below.",
                    ),
                    "scenario": tfds.features.Text(),
                    "camera": np.int32,
                }
            ),
            homepage="https://shapestacks.robots.ox.ac.uk",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        if isinstance(self.builder_config, RenderedConfig):
            return self.builder_config.splits(dl_manager, self.name)
        places = {part: find_manual(dl_manager, self.name, part) for part in _PARTS}
        files = {
            part: SourceFile(_URL.format(archive), gigabytes)
            for part, (archive, gigabytes) in _PARTS.items()
            if places[part] is None
        }
        paths = fetch(dl_manager, self.name, list(files.values()))
        places.update({part: paths[file.name] for part, file in files.items()})
        scenarios = _read_splits(places["splits"], self.builder_config.name)
        return {
            split: self._generate_examples(places, scenarios[file])
            for split, file in _SPLITS.items()
        }

    def _generate_examples(self, places, scenarios):
        labels = _read_labels(places["iseg"], scenarios)
        seen = set()
        for name, file in read_tree(places["recordings"]):
            if not (found := _FRAME.search(name)) or found[1] not in scenarios:
                continue
            scenario, variation, camera = found.groups()
            if (scenario, camera) not in labels:
                raise ValueError(
                    f"{str(places['iseg'])!r} has no label for the frame {name}: "
                    f"iseg/{scenario}/iseg-w=0-f=0-l=0-c=original-cam_{camera}-mono-0"
                    ".map is missing. Is the file the whole of shapestacks-iseg.tar.gz?"
                )
            seen.add(scenario)
            image = f"{name} of {str(places['recordings'])!r}"
            map_name = f"the map of {scenario}, camera {camera}, in {places['iseg']}"
            yield (
                f"{scenario}/{variation}/{camera}",
                {
                    "image": checked_image(file.read(), SIZE, image),
                    "segmentation": decode_map(labels[scenario, camera], map_name),
                    "scenario": scenario,
                    "camera": int(camera),
                },
            )
        if missing := sorted(scenarios - seen):
            raise ValueError(
                f"{str(places['recordings'])!r} has no frames of {len(missing)} "
                f"scenarios of the split, the first is {missing[0]}. Is it whole?"
            )


def decode_map(data: bytes, name: str) -> np.ndarray:
    """Decodes a map of labels.

    Args:
        data: An opaque PNG file in which red, green and blue are 32 times the label.
        name: Of the file, for messages.

    Returns:
        uint8 [224, 224, 1].

    Raises:
        ValueError: If it is no such map.
    """
    pixels = decode_png(data, SIZE, name)
    values = pixels[..., :1]
    if pixels.shape[-1] not in (3, 4) or np.any(pixels[..., :3] != values):
        raise ValueError(f"{name} is no map of labels: it is not grey in RGB")
    if np.any(values % _LABEL_STEP) or values.max() > _LABEL_STEP * _MAX_LABEL:
        raise ValueError(
            f"{name} is no map of labels: its values are not {_LABEL_STEP} times 0 to "
            f"{_MAX_LABEL}"
        )
    return values // _LABEL_STEP


def _read_splits(place, config):
    """Returns name of a split's file -> names of its scenarios."""
    names = {_SPLIT_FILE.format(config, file): file for file in _SPLITS.values()}
    splits = {}
    for name, file in read_tree(place):
        split = next((s for n, s in names.items() if f"/{name}".endswith(f"/{n}")), "")
        if split:
            splits[split] = set(file.read().decode().split())
    if missing := [name for name, split in names.items() if split not in splits]:
        raise ValueError(
            f"{str(place)!r} has no {missing[0]}. Is it the whole of "
            "shapestacks-meta.tar.gz?"
        )
    return splits


def _read_labels(place, scenarios):
    """Returns (scenario, camera) -> encoded map."""
    labels = {}
    for name, file in read_tree(place):
        if (found := _LABEL.search(name)) and found[1] in scenarios:
            labels[found[1], found[2]] = file.read()
    return labels
