"""Line charts with Matplotlib."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from genesis_keras.visualization.palette import PALETTE

# Colours of the palette that are distinguishable as lines on white.
_COLOURS = [
    f"#{r:02x}{g:02x}{b:02x}" for r, g, b in PALETTE[[3, 0, 1, 4, 5, 12, 10, 7]]
]
_PANEL = (3.2, 2.4)  # inches


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: Its name in the legend.
        x: Coordinates, in ascending order.
        y: Values. NaN leaves a gap.
        error: Half the length of the error bar at each value, or None.
    """

    name: str
    x: list
    y: list
    error: list | None = None


@dataclasses.dataclass(frozen=True)
class Chart:
    """One pair of axes with its lines.

    Attributes:
        title: Description of y, with its unit.
        lines: List of `Line`.
        x_label: Description of x, with its unit.
        ticks: Optional list of (x, text) that replaces the ticks of the x axis.
        log_x: Whether the x axis is logarithmic.
        log_y: Whether the y axis is logarithmic.
    """

    title: str
    lines: list
    x_label: str
    ticks: list | None = None
    log_x: bool = False
    log_y: bool = False


def line_charts(charts: "Sequence[Chart]") -> Any:
    """Draws charts side by side, with a common legend below.

    Args:
        charts: List of `Chart`. Lines of the same name have the same colour in all
            charts.

    Returns:
        A `matplotlib.figure.Figure`, which `save_figures` writes as PNG and as PDF with
        vector graphics.

    Raises:
        ValueError: If there is no chart, a chart has no finite value, or the arrays of
            a line have different lengths.
    """
    # Imported here, since it is slow and only needed for charts. Without pyplot there
    # is no global state and no display.
    from matplotlib.figure import Figure

    if not charts:
        raise ValueError("charts must not be empty. Received: []")
    for chart in charts:
        _check(chart)
    width, height = _PANEL
    figure = Figure(figsize=(width * len(charts), height), layout="constrained")
    names = list(dict.fromkeys(line.name for chart in charts for line in chart.lines))
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    handles = {}
    all_axes = figure.subplots(1, len(charts), squeeze=False)[0]
    for axes, chart in zip(all_axes, charts, strict=True):
        for line in chart.lines:
            handles[line.name] = axes.errorbar(
                line.x,
                line.y,
                yerr=line.error,
                label=line.name,
                color=colours[line.name],
                marker="o",
                markersize=3,
                linewidth=1.5,
                elinewidth=1,
            )
        _decorate(axes, chart)
    if len(names) > 1:
        figure.legend(
            [handles[name] for name in names],
            names,
            loc="outside lower center",
            ncols=min(len(names), 2 * len(charts)),
            fontsize=8,
            frameon=False,
        )
    return figure


def _check(chart):
    for line in chart.lines:
        lengths = {len(line.x), len(line.y), len(line.error or line.y)}
        if len(lengths) > 1:
            raise ValueError(f"line {line.name!r} has parts of lengths {lengths}")
    if not any(math.isfinite(y) for line in chart.lines for y in line.y):
        raise ValueError(f"chart {chart.title!r} has no finite value to draw")


def _decorate(axes, chart):
    axes.set_title(chart.title, fontsize=10)
    axes.set_xlabel(chart.x_label, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    if chart.log_x:
        axes.set_xscale("log", subs=[])
        _plain_numbers(axes.xaxis)
    if chart.log_y:
        axes.set_yscale("log", subs=[])
        _plain_numbers(axes.yaxis)
    else:
        low, high = axes.get_ylim()
        # An almost constant line should look constant.
        least = 0.05 * max(abs(low), abs(high))
        if high - low < least:
            axes.set_ylim((low + high - least) / 2, (low + high + least) / 2)
    if chart.ticks is not None:
        axes.set_xticks(*zip(*chart.ticks, strict=True))


def _plain_numbers(axis):
    """Labels a logarithmic axis at 1, 2, 5, 10 etc., as 50 rather than 5 x 10^1."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
