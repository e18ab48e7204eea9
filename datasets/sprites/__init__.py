"""The sprites data set: simple shapes drawn on the user's machine."""

from .sprites_dataset_builder import Builder as Builder
from .sprites_dataset_builder import SpritesConfig as SpritesConfig
