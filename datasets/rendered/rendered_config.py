"""The builder configuration of rendered data sets."""

import dataclasses
import hashlib
import io
import json
import pathlib
import shutil

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from . import probe
from .drawing import MAX_OBJECTS, RECIPES
from .workers import chunks

# Image side. At 224, default compression takes half as long as rendering; fast
# compression takes a fifth of that, with files that are a tenth larger.
_LARGEST_BEST_COMPRESSED = 64


@dataclasses.dataclass(eq=False, kw_only=True)
class RenderedConfig(tfds.core.BuilderConfig):
    """A variant of ObjectsRoom or ShapeStacks that is rendered, not downloaded.

    TFDS identifies a variant only by its name, so each needs a different one.

    ```python
    config = RenderedConfig(
        name="blue_seven", version="1.0.0", kind="rooms", image_size=128, seed=7
    )
    builder = Builder(config=config)
    ```

    Args:
        kind: "rooms" or "stacks".
        image_size: Side of the square pictures in pixels, at least 16.
        num_objects: Minimum and maximum number of objects in the splits train,
            validation and test; at most 6. Defaults to 1 to 3 for rooms and 2 to 6 for
            stacks.
        identical_color: Whether all objects of a scene have the same colour in those
            splits.
        textured: Whether floor, walls and objects of rooms have two-colour materials,
            in all splits. Each colour then occurs in at least two materials.
        seed: Random seed, non-negative.
        num_train: Number of scenes in the training split.
        num_validation: Number of scenes in the validation split.
        num_test: Number of scenes in each test split.
        num_processes: Number of parallel rendering processes; does not affect the data.

    Raises:
        ValueError: If an argument is out of range.
    """

    kind: str
    image_size: int = 64
    num_objects: tuple[int, int] | None = None
    identical_color: bool = False
    textured: bool = False
    seed: int = 0
    num_train: int = 20_000
    num_validation: int = 1_000
    num_test: int = 1_000
    num_processes: int = 2

    def __post_init__(self):
        if self.kind not in RECIPES:
            raise ValueError(
                f"kind must be one of {sorted(RECIPES)}; got {self.kind!r}"
            )
        if self.textured and self.kind != "rooms":
            raise ValueError(f"textured must be False for {self.kind}; got True")
        least = {"image_size": 16, "seed": 0, "num_processes": 1}
        least |= dict.fromkeys(("num_train", "num_validation", "num_test"), 1)
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(
                    f"{name} must be at least {minimum}; got {getattr(self, name)}"
                )
        if self.num_objects is not None:
            low, high = self.num_objects
            if not 0 <= low <= high <= MAX_OBJECTS:
                raise ValueError(
                    f"num_objects must be two numbers from 0 to {MAX_OBJECTS}, the "
                    f"least first; got {self.num_objects}"
                )

    def features(self) -> tfds.features.FeaturesDict:
        """Returns the features: image, labels, and factors (`draw_scenes`)."""
        size = (self.image_size, self.image_size)

        def tensor(*shape, dtype=np.float32):
            return tfds.features.Tensor(shape=(MAX_OBJECTS, *shape), dtype=dtype)

        return tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(*size, 3), encoding_format="png"),
                "segmentation": tfds.features.Image(
                    shape=(*size, 1),
                    encoding_format="png",
                    use_colormap=True,
                    doc="0 is the background, i + 1 object i; in stacks from below.",
                ),
                "shape": tensor(dtype=np.int32),
                "color": tensor(3),
                "size": tensor(3),
                "position": tensor(3),
                "rotation": tensor(4),
                "visible_pixels": tensor(dtype=np.int32),
            }
        )

    def splits(self, dl_manager: tfds.download.DownloadManager, name: str) -> dict:
        """Returns split -> generator of its examples.

        Raises:
            ValueError: If scenes cannot be rendered here.
        """
        probe.check(name)
        cache = pathlib.Path(dl_manager.download_dir) / "rendered" / self._digest()
        return {
            split: self._examples(split, split_id, cache / split)
            for split_id, split in enumerate(RECIPES[self.kind])
        }

    def recipe(self, split: str) -> dict:
        """Returns the fields of a split's recipe."""
        recipe = dataclasses.asdict(RECIPES[self.kind][split])
        if split in ("train", "validation", "test"):
            if self.num_objects is not None:
                recipe["num_objects"] = tuple(self.num_objects)
            recipe["identical_color"] |= self.identical_color
        if self.textured:
            recipe["textured"] = True
        return recipe

    def job(self, split: str, split_id: int) -> dict:
        """Returns the job of a worker for scenes of a split."""
        return {
            "kind": self.kind,
            "recipe": self.recipe(split),
            "split_id": split_id,
            "seed": self.seed,
            "image_size": self.image_size,
        }

    def _examples(self, split, split_id, cache):
        counts = {"train": self.num_train, "validation": self.num_validation}
        job = self.job(split, split_id)
        index = 0
        for arrays in chunks(
            job, counts.get(split, self.num_test), self.num_processes, cache
        ):
            for i in range(len(arrays["image"])):
                example = {name: values[i] for name, values in arrays.items()}
                if self.image_size > _LARGEST_BEST_COMPRESSED:
                    example["image"] = _fast_png(example["image"])
                yield index, example
                index += 1
        if split == list(RECIPES[self.kind])[-1]:
            shutil.rmtree(cache.parent)  # until then an interrupted build can resume

    def _digest(self):
        """Returns the folder name of a configuration's unfinished work."""
        facts = {
            "kind": self.kind,
            "seed": self.seed,
            "image_size": self.image_size,
            "recipes": [self.recipe(split) for split in RECIPES[self.kind]],
            "counts": [self.num_train, self.num_validation, self.num_test],
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _fast_png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()
