"""The ClevrTex data set."""

from .clevrtex_dataset_builder import Builder as Builder
