"""The images on which models are evaluated."""

import dataclasses
from contextlib import AbstractContextManager

from genesis_keras.data.damage import explaining_damage
from genesis_keras.data.pipeline import load
from genesis_keras.data.properties import load_properties
from genesis_keras.types import Arrays, Dataset, Outputs


@dataclasses.dataclass(frozen=True)
class ScoredImages:
    """A function (split, number of images) that returns a dataset of batches.

    Attributes:
        dataset: Name of the data set.
        image_size: Side of the images.
        batch_size: Number of images per batch.
        data_dir: Folder of the data sets; TFDS's default if empty or None.
        manual_dir: Folder of manually downloaded source files, or empty or None.
    """

    dataset: str
    image_size: int
    batch_size: int = 32
    data_dir: str | None = None
    manual_dir: str | None = None

    def __call__(self, split: str, num_images: int) -> Dataset:
        return load(
            self.dataset,
            split,
            batch_size=self.batch_size,
            image_size=self.image_size,
            num_examples=num_images,
            data_dir=self.data_dir or None,
            manual_dir=self.manual_dir or None,
        )

    def properties(self, split: str, num_images: int) -> Arrays:
        """Returns what is known of the objects, see `load_properties`."""
        return load_properties(
            self.dataset,
            split,
            num_images,
            self.data_dir or None,
            self.manual_dir or None,
        )

    def first(self, split: str, num_images: int) -> Outputs:
        """Returns the first images as a single batch."""
        with self.explaining_damage():
            return next(iter(self(split, num_images).unbatch().batch(num_images)))

    def explaining_damage(self) -> AbstractContextManager[None]:
        """Returns a context that translates errors of damaged data set files."""
        return explaining_damage(self.dataset, self.data_dir)
