"""The source of the input pipeline for TFDS data sets."""

import os
import re

import tensorflow as tf

from genesis_keras.data.preparation import prepare
from genesis_keras.data.preprocessing import crop_box
from genesis_keras.data.registry import DatasetSpec

_KEYS = ("image", "segmentation")
_CROPS = "crops"


class TfdsSource:
    """A split of a TFDS data set, which is prepared on disk on first use.

    If examples have a feature "crops", `[C, 4]`, it lists rectangles to train on: each
    example is then expanded to C examples, one per rectangle.

    Args:
        spec: The data set.
        split: Name of a split, or a part of it in TFDS's notation.
        data_dir: Folder of all TFDS data sets; None for TFDS's default.
        manual_dir: Folder of manually downloaded source files.

    Attributes:
        size: Number of examples.
        record_bytes: Size of an example on disk, on average.

    Raises:
        ValueError: If the split cannot be read, or a source file is damaged.
        OSError: If the data cannot be fetched or written.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        split: str,
        data_dir: str | os.PathLike | None = None,
        manual_dir: str | os.PathLike | None = None,
    ) -> None:
        self._builder = prepare(spec, data_dir, manual_dir)
        self._split = split
        self._features = self._builder.info.features
        self._num_crops = 0
        if _CROPS in self._features:
            self._num_crops = self._features[_CROPS].shape[0]
        self.size = self._count() * max(1, self._num_crops)
        # TFDS does not know the size in bytes of a part of a split.
        whole = self._builder.info.splits[re.split(r"[\[+]", split)[0]]
        self.record_bytes = whole.num_bytes / whole.num_examples

    def records(self) -> tf.data.Dataset:
        """Dataset of encoded examples, {name: string}, in the order on disk."""
        import tensorflow_datasets as tfds

        keys = [key for key in _KEYS if key in self._features]
        decoders = {key: tfds.decode.SkipDecoding() for key in keys}
        if self._num_crops:
            keys.append(_CROPS)
        dataset = self._builder.as_dataset(
            split=self._split,
            decoders=tfds.decode.PartialDecoding(
                dict.fromkeys(keys, True), decoders=decoders
            ),
            read_config=tfds.ReadConfig(try_autocache=False, skip_prefetch=True),
            shuffle_files=False,
        )
        return dataset.flat_map(self._one_per_crop) if self._num_crops else dataset

    def _one_per_crop(self, record):
        crops = tf.data.Dataset.from_tensor_slices(record[_CROPS])
        return crops.map(lambda crop: record | {_CROPS: crop})

    def decode(self, record: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Decodes a record into uint8 "image" [H, W, 3] and "segmentation"."""
        example = {
            key: self._features[key].decode_example(record[key])
            for key in _KEYS
            if key in record
        }
        if self._num_crops:
            box = tf.unstack(record[_CROPS])
            example = {key: crop_box(value, box) for key, value in example.items()}
        return example

    def _count(self):
        """Returns the number of examples; raises an error if TFDS cannot read them."""
        try:
            count = self._builder.info.splits[self._split].num_examples
        except (AssertionError, KeyError, ValueError) as error:
            raise ValueError(
                f"split={self._split!r} cannot be read: {error}"
            ) from error
        if count == 0:
            raise ValueError(f"split={self._split!r} has no examples.")
        return count
