"""Synthetic dummy files in exactly the formats of the data sets' source files.

`python -m datasets.dummy_data FOLDER` (installed: `python -m
genesis_keras_datasets.dummy_data FOLDER`) writes them and prepares the data sets from
them. Each module documents a format by writing it with common libraries, without
sharing code with the readers of the builders.
"""

from .apc import write_apc as write_apc
from .clevrtex import write_clevrtex as write_clevrtex
from .making import fewer_test_scenes as fewer_test_scenes
from .making import file_configs as file_configs
from .making import make as make
from .multi_object import write_multi_object as write_multi_object
from .shapestacks import write_shapestacks as write_shapestacks
from .sketchy import write_sketchy as write_sketchy

WRITERS = {
    "apc": write_apc,
    "clevr_with_masks": write_multi_object,
    "clevrtex": write_clevrtex,
    "multi_dsprites": write_multi_object,
    "objects_room": write_multi_object,
    "shapestacks": write_shapestacks,
    "sketchy": write_sketchy,
    "tetrominoes": write_multi_object,
}
"""Data set -> function (name, folder) that writes its source files and returns their
contents for tests."""
