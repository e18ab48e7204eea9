"""Visualisation of models: functions from NumPy arrays to 8-bit RGB arrays.

Colour k of the palette always represents slot k, so that pictures of different runs can
be compared. Images are uint8, or floats in `[0, 1]`, which are clipped.
"""

from genesis_keras.visualization.chart import Chart, Line, line_charts
from genesis_keras.visualization.figures import labelled_rows
from genesis_keras.visualization.files import save_figures, save_pdf, save_png
from genesis_keras.visualization.palette import (
    BACKGROUND,
    IGNORED,
    PALETTE,
    colour_labels,
)
from genesis_keras.visualization.panels import image_grid, segmentation_panel

__all__ = [
    "BACKGROUND",
    "IGNORED",
    "PALETTE",
    "Chart",
    "Line",
    "colour_labels",
    "image_grid",
    "labelled_rows",
    "line_charts",
    "save_figures",
    "save_pdf",
    "save_png",
    "segmentation_panel",
]
