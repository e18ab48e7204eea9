"""What a model can be exported as: names that need no TensorFlow."""

import importlib.util

MASKS = {"attention": "log_masks", "object": "log_object_masks"}
"""Kinds of masks to segment by -> output of the model."""
FORMATS = {"onnx": ".onnx", "litert": ".tflite"}
"""Formats besides SavedModel -> ending of their files."""
PACKAGES = {"onnx": ("tf2onnx", "onnx"), "litert": ("ai_edge_litert",)}
"""Formats -> packages that they need."""


def check_packages(format):
    """Raises ValueError where a package is missing that a format needs.

    Args:
        format: One of `FORMATS`.
    """
    missing = [p for p in PACKAGES[format] if importlib.util.find_spec(p) is None]
    if missing:
        raise ValueError(
            f"format={format!r} needs {', '.join(missing)}: "
            "pip install 'genesis-keras[portable]'"
        )
