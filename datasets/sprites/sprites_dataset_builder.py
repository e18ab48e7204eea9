"""TensorFlow Datasets builder of the sprites data set."""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from .rendering import SHAPES, Recipe, draw_known_scene

# Split name -> first word of its seed. Do not change these, as the data depends on
# them.
SPLIT_IDS = {
    "train": 0,
    "validation": 1,
    "test": 2,
    "more_objects": 3,
    "identical_color": 4,
}

EASY = Recipe(
    num_objects=(2, 3),
    more_objects=(4, 5),
    palette=(
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 0),
        (255, 0, 255),
        (0, 255, 255),
    ),
    background=(0, 0, 0),
)

HARD = Recipe(
    num_objects=(2, 4),
    more_objects=(5, 6),
    shapes=("square", "disc", "triangle", "cross", "half_disc"),
    radius=(3.5 / 32, 6.5 / 32),
    aspect=(0.5, 1.0),
    rotate=True,
    margin=0.8,
    max_hidden=0.5,
)

# Like HARD, but with larger, less narrow and less hidden shapes, to show textures.
TEXTURED = dataclasses.replace(
    HARD,
    shapes=("square", "disc", "triangle", "half_disc"),
    radius=(5 / 32, 7 / 32),
    aspect=(0.6, 1.0),
    max_hidden=0.3,
    min_color_distance=100.0,
    textures=("stripes", "checks", "dots", "noise"),
)


@dataclasses.dataclass(eq=False, kw_only=True)
class SpritesConfig(tfds.core.BuilderConfig):
    """A variant of sprites; define your own for other sizes and scenes.

    TFDS identifies a variant only by its name, so each needs a different one.

    ```python
    config = SpritesConfig(
        name="easy_128", version="1.0.0", recipe=EASY, image_size=128
    )
    builder = Builder(config=config)
    ```

    Args:
        recipe: The rules by which scenes are sampled.
        image_size: Side of the square images in pixels, at least 8.
        seed: Non-negative random seed. Image i of a split depends only on the recipe,
            the size, this seed, the name of the split and i.
        num_train: Number of images in the training split.
        num_validation: Number of images in the validation split.
        num_test: Number of images in each of the three test splits.

    Raises:
        ValueError: If a count, the size or the seed is out of range.
    """

    recipe: Recipe
    image_size: int = 32
    seed: int = 0
    num_train: int = 20_000
    num_validation: int = 1_000
    num_test: int = 1_000

    def __post_init__(self):
        least = {
            "image_size": 8,
            "seed": 0,
            "num_train": 1,
            "num_validation": 1,
            "num_test": 1,
        }
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(
                    f"{name} must be at least {minimum}, got {getattr(self, name)}."
                )

    def num_images(self, split: str) -> int:
        """Returns the number of images in a split."""
        counts = {"train": self.num_train, "validation": self.num_validation}
        return counts.get(split, self.num_test)

    def split_recipe(self, split: str) -> Recipe:
        """Returns the recipe of a split; only out-of-distribution splits differ."""
        if split == "more_objects":
            return dataclasses.replace(
                self.recipe, num_objects=self.recipe.more_objects
            )
        if split == "identical_color":
            return dataclasses.replace(self.recipe, identical_color=True)
        return self.recipe

    def draw(self, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Renders image `index` of `split`.

        Returns:
            The image, uint8 [S, S, 3], and its labels, uint8 [S, S, 1].
        """
        return self.draw_known(split, index)[:2]

    def draw_known(self, split: str, index: int):
        """Renders image `index` of `split`, and returns its factors.

        Returns:
            The image, its labels, and a dict of arrays with a row for each object, in
            the order of the labels, and rows of zeros up to `max_objects`: "shape",
            int32 [N], index in `SHAPES` or -1 without an object; "color", float32
            [N, 3], RGB in [0, 1]; "size", float32 [N], and "position", float32 [N, 2],
            radius and x and y of the centre as fractions of the side; and
            "visible_pixels", int32 [N].
        """
        rng = np.random.default_rng([self.seed, SPLIT_IDS[split], index])
        image, segmentation, objects = draw_known_scene(
            rng, self.split_recipe(split), self.image_size
        )
        count, rows = len(objects), self.max_objects
        factors = {
            "shape": np.full(rows, -1, np.int32),
            "color": np.zeros((rows, 3), np.float32),
            "size": np.zeros(rows, np.float32),
            "position": np.zeros((rows, 2), np.float32),
            "visible_pixels": np.zeros(rows, np.int32),
        }
        for name in ("shape", "color", "size", "position"):
            factors[name][:count] = [item[name] for item in objects]
        pixels = np.bincount(segmentation.ravel(), minlength=count + 1)
        factors["visible_pixels"][:count] = pixels[1:]
        return image, segmentation, factors

    @property
    def max_objects(self) -> int:
        """Maximum number of objects in an image of any split."""
        return max(self.recipe.num_objects[1], self.recipe.more_objects[1])


_EASY_TEXT = (
    "Two or three upright squares, discs and triangles of one size in different "
    "ones of six saturated colours on black, with little overlap"
)
_HARD_TEXT = (
    "Two to four squares, discs, triangles, crosses and half discs of random "
    "colour, size, aspect ratio and rotation on a background of random colour, "
    "hiding up to half of each other"
)
_TEXTURED_TEXT = (
    "Two to four squares, discs, triangles and half discs of random size, aspect "
    "ratio and rotation; they and the background carry stripes, checks, dots or noise "
    "in two colours, each of which another object or the background has too"
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of sprites: scenes of simple shapes with a label for each."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {
        "1.1.0": "Factors of each object; images and labels are unchanged.",
        "1.0.0": "Initial release.",
    }
    BUILDER_CONFIGS = [
        SpritesConfig(name="easy", description=f"{_EASY_TEXT}; 32x32.", recipe=EASY),
        SpritesConfig(name="hard", description=f"{_HARD_TEXT}; 32x32.", recipe=HARD),
        SpritesConfig(
            name="easy_64",
            description=f"{_EASY_TEXT}; 64x64.",
            recipe=EASY,
            image_size=64,
        ),
        SpritesConfig(
            name="hard_64",
            description=f"{_HARD_TEXT}; 64x64.",
            recipe=HARD,
            image_size=64,
        ),
        SpritesConfig(
            name="textured",
            description=f"{_TEXTURED_TEXT}; 32x32.",
            recipe=TEXTURED,
        ),
        SpritesConfig(
            name="textured_64",
            description=f"{_TEXTURED_TEXT}; 64x64.",
            recipe=TEXTURED,
            image_size=64,
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        size, rows = self.builder_config.image_size, self.builder_config.max_objects
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(size, size, 3), encoding_format="png"
                    ),
                    "segmentation": tfds.features.Image(
                        shape=(size, size, 1),
                        encoding_format="png",
                        use_colormap=True,
                        doc="0 is the background, 1 to n the n objects, back to front.",
                    ),
                    "shape": tfds.features.Tensor(
                        shape=(rows,),
                        dtype=np.int32,
                        doc=f"Of object i, label i + 1: {', '.join(SHAPES)}; -1: none.",
                    ),
                    "color": tfds.features.Tensor(shape=(rows, 3), dtype=np.float32),
                    "size": tfds.features.Tensor(shape=(rows,), dtype=np.float32),
                    "position": tfds.features.Tensor(shape=(rows, 2), dtype=np.float32),
                    "visible_pixels": tfds.features.Tensor(
                        shape=(rows,), dtype=np.int32
                    ),
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in SPLIT_IDS}

    def _generate_examples(self, split: str):
        for index in range(self.builder_config.num_images(split)):
            image, segmentation, factors = self.builder_config.draw_known(split, index)
            yield index, {"image": image, "segmentation": segmentation, **factors}
