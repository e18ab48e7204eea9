"""Pictures of what a model sees: NumPy arrays in, 8-bit RGB arrays out.

Colour k of the palette always means slot k, in every picture of every run, so that
panels can be compared. Images are floats in `[0, 1]`, which are clipped, or uint8.
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
