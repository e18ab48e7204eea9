"""The format shared by objects_room, multi_dsprites, tetrominoes and CLEVR.

Each is a GZIP-compressed TFRecord file of scenes: an image, a mask for each entity and,
except for objects_room, factors of each entity. Every byte of an array is stored as a
separate string.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow_datasets as tfds

from .records import read_examples

HOST = "https://storage.googleapis.com/multi-object-datasets"


@dataclasses.dataclass(frozen=True)
class SceneFormat:
    """The storage format of a scene.

    Args:
        height: Height of image and masks, in pixels.
        width: Width of image and masks, in pixels.
        num_entities: Number of masks E, including entities of the background.
        num_background: Number of entities, the first ones, that are background.
        channels: Channels of the stored image, 3 or 1.
        entities_last: Whether masks are stored as [H, W, E, 1] rather than
            [E, H, W, 1].
        float_factors: Dict from names of factors that are stored as floats to their
            shapes for one entity, () for a number.
        byte_factors: Names of factors that are stored as one byte per entity.
    """

    height: int
    width: int
    num_entities: int
    num_background: int = 1
    channels: int = 3
    entities_last: bool = False
    float_factors: Mapping[str, tuple[int, ...]] = dataclasses.field(
        default_factory=dict
    )
    byte_factors: tuple[str, ...] = ()

    def features(self) -> tfds.features.FeaturesDict:
        """Returns the features of a data set of such scenes."""
        size = (self.height, self.width)
        factors = {
            name: tfds.features.Tensor(
                shape=(self.num_entities, *shape), dtype=np.float32
            )
            for name, shape in self.float_factors.items()
        }
        factors |= {
            name: tfds.features.Tensor(shape=(self.num_entities,), dtype=np.uint8)
            for name in self.byte_factors
        }
        return tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(*size, 3), encoding_format="png"),
                "segmentation": tfds.features.Image(
                    shape=(*size, 1),
                    encoding_format="png",
                    use_colormap=True,
                    doc="0 is the background, i the i-th entity after it.",
                ),
                **factors,
            }
        )

    def read(self, path) -> Iterator[dict[str, np.ndarray]]:
        """Reads the scenes of a file in order.

        Raises:
            ValueError: If the file is damaged, truncated or has another format; the
                message names it.
        """
        kinds = dict.fromkeys(("image", "mask", *self.byte_factors), "bytes")
        kinds |= dict.fromkeys(self.float_factors, "floats")
        for index, stored in enumerate(read_examples(path, kinds, compressed=True)):
            try:
                yield self._decode(stored)
            except ValueError as error:
                raise ValueError(
                    f"{str(path)!r}: scene {index}: {error}. Is it the file of another "
                    "variant?"
                ) from error

    def _decode(self, stored):
        size = (self.height, self.width)
        image = _shaped(stored, "image", (*size, self.channels))
        if self.entities_last:
            masks = _shaped(stored, "mask", (*size, self.num_entities))
            masks = np.moveaxis(masks, -1, 0)
        else:
            masks = _shaped(stored, "mask", (self.num_entities, *size))
        scene = {
            "image": np.broadcast_to(image, (*size, 3)),
            "segmentation": labels_from_masks(masks, self.num_background),
        }
        for name, shape in self.float_factors.items():
            scene[name] = _shaped(stored, name, (self.num_entities, *shape))
        for name in self.byte_factors:
            scene[name] = _shaped(stored, name, (self.num_entities,))
        return scene


@dataclasses.dataclass(eq=False, kw_only=True)
class MultiObjectConfig(tfds.core.BuilderConfig):
    """A variant whose file is split by the order of its scenes.

    Args:
        path: Path of the file on `HOST`.
        gigabytes: Size of the file.
        scene: Format of its scenes.
        num_test: Number of scenes, the first ones, in the test split.
        num_validation: Number of scenes, the next ones, in the validation split; the
            rest is for training.
    """

    path: str
    gigabytes: float
    scene: SceneFormat
    num_test: int = 10_000
    num_validation: int = 10_000

    def features(self) -> tfds.features.FeaturesDict:
        """Returns the features of the scenes."""
        return self.scene.features()

    def ranges(self) -> dict[str, tuple[int, int | None]]:
        """Returns split -> (first scene, scene after the last or None for the end)."""
        train = self.num_test + self.num_validation
        return {
            "train": (train, None),
            "validation": (self.num_test, train),
            "test": (0, self.num_test),
        }


def examples(
    path, scene: SceneFormat, start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Generates scenes `start` to `stop` of a file, with their indices.

    Raises:
        ValueError: If the file cannot be read, or has fewer scenes.
    """
    index = start - 1
    chosen = itertools.islice(enumerate(scene.read(path)), start, stop)
    for index, example in chosen:
        yield index, example
    if index < start or (stop is not None and index + 1 < stop):
        wanted = f"scenes {start} to {stop or 'the last'}"
        raise ValueError(
            f"{str(path)!r} has too few scenes: {wanted} are a split. Is it the file "
            "of another split or variant?"
        )


def labels_from_masks(masks: np.ndarray, num_background: int) -> np.ndarray:
    """Converts masks of entities to a label for each pixel.

    Args:
        masks: [E, H, W], 255 where an entity is visible. Pixels without a mask are
            background; for pixels in several masks (there should be none) the first one
            is used.
        num_background: Number of entities, the first ones, that are background.

    Returns:
        uint8 [H, W, 1]: 0 for the background, otherwise the index of the entity minus
        `num_background` plus 1.
    """
    entity = np.argmax(masks, axis=0)[..., None]
    return np.maximum(entity - num_background + 1, 0).astype(np.uint8)


def _shaped(stored, name, shape):
    values = stored[name]
    if values.size != np.prod(shape):
        raise ValueError(
            f"{name!r} has {values.size} values instead of "
            f"{' x '.join(map(str, shape))}"
        )
    return values.reshape(shape)
