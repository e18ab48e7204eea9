"""The options of exporting, defined without importing TensorFlow."""

import importlib.util

MASKS = {"attention": "log_masks", "object": "log_object_masks"}
"""Kind of masks for segmentation -> output of the model."""
FORMATS = {"onnx": ".onnx", "litert": ".tflite"}
"""Formats other than SavedModel -> suffix of their files."""
PACKAGES = {"onnx": ("tf2onnx", "onnx"), "litert": ("ai_edge_litert",)}
"""Formats -> packages that they require."""


def check_packages(format: str) -> None:
    """Raises `ValueError` if a package is missing that a format needs.

    Args:
        format: One of `FORMATS`.
    """
    missing = [p for p in PACKAGES[format] if importlib.util.find_spec(p) is None]
    if missing:
        raise ValueError(
            f"format={format!r} needs {', '.join(missing)}: "
            "pip install 'genesis-keras[portable]'"
        )
