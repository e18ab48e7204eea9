"""TFDS's tests of each builder, on dummy files."""

import pathlib
import tempfile

import tensorflow_datasets as tfds

from genesis_keras.data.preparation import import_builder

dummy_data = import_builder("dummy_data")


class _Case(tfds.testing.DatasetBuilderTestCase):
    """Writes the source files, and TFDS looks for them among the manual ones."""

    SKIP_CHECKSUMS = True  # nobody publishes them

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        name = cls.DATASET_CLASS.name
        dummy_data.WRITERS[name](name, pathlib.Path(cls._folder.name))
        cls.EXAMPLE_DIR = cls._folder.name
        for config in dummy_data.file_configs(cls.DATASET_CLASS):
            cls.enterClassContext(dummy_data.fewer_test_scenes(config))


_THREE = {"train": 3, "validation": 2, "test": 3}


class ObjectsRoomTest(_Case):
    DATASET_CLASS = import_builder("objects_room").Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["default"]
    SPLITS = _THREE | {"empty_room": 8, "six_objects": 8, "identical_color": 8}


class MultiDspritesTest(_Case):
    DATASET_CLASS = import_builder("multi_dsprites").Builder
    SPLITS = _THREE


class TetrominoesTest(_Case):
    DATASET_CLASS = import_builder("tetrominoes").Builder
    SPLITS = _THREE


class ClevrWithMasksTest(_Case):
    DATASET_CLASS = import_builder("clevr_with_masks").Builder
    SPLITS = _THREE


class ShapestacksTest(_Case):
    DATASET_CLASS = import_builder("shapestacks").Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["default"]
    SPLITS = {"train": 10, "validation": 4, "test": 4}


class ShapestacksBlocksTest(_Case):
    DATASET_CLASS = import_builder("shapestacks").Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["blocks_all"]
    SPLITS = {"train": 6, "validation": 2, "test": 2}


class ClevrtexTest(_Case):
    DATASET_CLASS = import_builder("clevrtex").Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["vbg"]
    SPLITS = {"train": 16, "validation": 2, "test": 2}


class SketchyTest(_Case):
    DATASET_CLASS = import_builder("sketchy").Builder
    SPLITS = {"train": 40, "validation": 4, "test": 4}


class ApcTest(_Case):
    DATASET_CLASS = import_builder("apc").Builder
    SPLITS = {"train": 26, "validation": 2, "test": 2}


del _Case  # pytest would collect it too
