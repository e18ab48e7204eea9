"""TensorFlow Datasets builder of ClevrTex."""

import io
import json
import re

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from ..images import checked_image, decode_png
from ..sources import MANUAL_INSTRUCTIONS, find_manual, how_to_fetch

SIZE = (240, 320)
MAX_OBJECTS = 10
_HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/data/clevrtex/"
_VARIANTS = {
    "full": "Textured objects on textured backgrounds.",
    "pbg": "Textured objects on a plain background.",
    "vbg": "Plain coloured objects on textured backgrounds.",
    "grassbg": "Textured objects on grass.",
    "camo": "Objects in the material of their background.",
    "outd": "Shapes and materials that the others do not have; for tests alone.",
}
_TEST_ONLY = "outd"
_COLORED = "vbg"  # in other variants the colours in the files were not used


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of ClevrTex: up to ten textured solids on a textured ground."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=text)
        for name, text in _VARIANTS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        text = tfds.features.Text()
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
                        doc="0 is the background, 1 to 10 the objects.",
                    ),
                    "ground_material": text,
                    "objects": tfds.features.Sequence(
                        {
                            "shape": text,
                            "material": text,
                            "size": text,
                            "color": text,
                            "rotation": np.float32,
                        }
                    ),
                }
            ),
            homepage=_HOMEPAGE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        variant = self.builder_config.name
        folder = f"clevrtex_{variant}"
        place = find_manual(dl_manager, self.name, folder)
        if place is None:
            raise FileNotFoundError(
                f"clevrtex is not downloaded by itself: {folder} is tens of gigabytes. "
                + how_to_fetch(
                    self.name,
                    [_HOMEPAGE],
                    f", unpacked, so that DIR/{folder} is a folder,",
                )
            )
        scenes = find_scenes(place, variant)
        if variant == _TEST_ONLY:
            return {"test": self._generate_examples(scenes)}
        tenth, fifth = len(scenes) // 10, len(scenes) // 5
        return {
            "train": self._generate_examples(scenes[fifth:]),
            "validation": self._generate_examples(scenes[tenth:fifth]),
            "test": self._generate_examples(scenes[:tenth]),
        }

    def _generate_examples(self, scenes):
        for picture in scenes:
            stem = picture.name.removesuffix(".png")
            facts = _facts(picture.with_name(f"{stem}.json"))
            facts["segmentation"] = _labels(picture.with_name(f"{stem}_flat.png"))
            if self.builder_config.name != _COLORED:
                for item in facts["objects"]:
                    item["color"] = ""
            yield stem, {"image": _picture(picture), **facts}


def find_scenes(place, variant: str) -> list:
    """Finds the pictures of a variant.

    Args:
        place: Its folder, `clevrtex_VARIANT`.
        variant: Its name.

    Returns:
        Paths of the pictures in the order of their numbers.

    Raises:
        ValueError: If there are fewer than ten, a number is missing or is there twice,
            or a picture has no labels or no description.
    """
    pattern = re.compile(rf"CLEVRTEX_{variant}_(\d+)\.png")
    scenes, others = {}, set()
    for path in sorted(place.rglob(f"CLEVRTEX_{variant}_*")):
        if not (found := pattern.fullmatch(path.name)):
            others.add(path)
            continue
        if (number := int(found[1])) in scenes:
            raise ValueError(
                f"{str(place)!r} has scene {number} twice: {scenes[number]} and {path}"
            )
        scenes[number] = path
    if len(scenes) < 10:
        raise ValueError(
            f"{str(place)!r} has {len(scenes)} files CLEVRTEX_{variant}_NNNNNN.png, "
            "fewer than ten. Is every archive of this variant unpacked there?"
        )
    if missing := sorted(set(range(min(scenes), max(scenes))) - scenes.keys()):
        raise ValueError(
            f"{str(place)!r} lacks {len(missing)} scenes between its first and its "
            f"last: there is no CLEVRTEX_{variant}_{missing[0]:06d}.png"
        )
    for path in scenes.values():
        for ending in ("_flat.png", ".json"):
            other = path.with_name(path.name.removesuffix(".png") + ending)
            if other not in others:
                raise ValueError(
                    f"{other} is missing; its picture {path.name} is there"
                )
    return [scenes[number] for number in sorted(scenes)]


def _picture(path):
    """Returns a picture for TFDS without its (opaque) alpha channel."""
    data = path.read_bytes()
    checked_image(data, SIZE, str(path))
    if Image.open(io.BytesIO(data)).mode == "RGB":
        return io.BytesIO(data)
    pixels = decode_png(data, SIZE, str(path))
    if pixels.shape[-1] != 4:
        raise ValueError(
            f"{path} has {pixels.shape[-1]} channels; a picture has three or four"
        )
    return pixels[..., :3]


def _labels(path):
    labels = decode_png(path.read_bytes(), SIZE, str(path))
    if labels.shape[-1] != 1 or labels.max() > MAX_OBJECTS:
        raise ValueError(
            f"{path} is no map of labels: one channel of 0 to {MAX_OBJECTS} is "
            f"expected, it has {labels.shape[-1]} of up to {labels.max()}"
        )
    return labels


def _facts(path):
    """Returns the ground and objects of a scene from its description."""
    try:
        facts = json.loads(path.read_bytes())
        objects = [
            {
                "shape": str(item["shape"]),
                "material": str(item["material"]),
                "size": str(item["size"]),
                "color": str(item.get("color", "")),
                "rotation": float(item["rotation"]),
            }
            for item in facts["objects"]
        ]
        return {"ground_material": str(facts["ground_material"]), "objects": objects}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no description of a scene: {error}") from error
    except KeyError as error:
        raise ValueError(
            f"{path} is no description of a scene: it lacks {error}"
        ) from error
