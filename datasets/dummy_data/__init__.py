"""Small files in exactly the formats of the data sets' sources, drawn, not real.

`python -m datasets.dummy_data FOLDER` (installed: `python -m
genesis_keras_datasets.dummy_data FOLDER`) writes them and makes the data sets of
them. Each module states a source's format by writing it with the common libraries;
none shares code with the readers of the builders.
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
"""Data set -> function (name, folder) that writes its source files and returns what
is in them, as the tests need it."""
