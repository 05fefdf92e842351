"""Lines, marks and bars of a figure, from plotly's words into matplotlib's."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from optuna_bisect.figures.style import Drawing

# Plotly counts in pixels of a screen with 96 to an inch, matplotlib in points of 72.
POINTS = 72 / 96
_MARKERS = {
    "circle": "o",
    "diamond": "D",
    "hourglass": "P",
    "star": "*",
    "triangle-down": "v",
    "triangle-up": "^",
    "x": "X",
}
_DASHES = {
    "solid": "-",
    "dash": "--",
    "dot": ":",
    "dashdot": "-.",
    "longdash": (0, (8, 3)),
    "longdashdot": (0, (8, 3, 2, 3)),
}
# Where a text stands beside its mark: how it is aligned, and by how many points it is moved.
_SIDES = {"middle right": ("left", "center", (6, 0)), "top center": ("center", "bottom", (0, 5))}


def add_traces(panels: Mapping[str, Axes], drawing: Drawing) -> None:
    """Draw all traces of a figure, each into its panel."""
    numbers = _categories(drawing)
    for trace in drawing.traces:
        axes = panels[trace.get("xaxis", "x")]
        x = [numbers.get(number, number) for number in trace["x"]]
        label = trace["name"] if trace.get("showlegend", True) else None
        if trace["type"] == "bar":
            _add_bars(axes, trace, x, label)
        elif trace["mode"] == "lines":
            y = [math.nan if y is None else y for y in trace["y"]]
            axes.plot(x, y, label=label, zorder=2, **pen_of(trace["line"]))
        else:
            _add_marks(axes, trace, x, label)
    if numbers:
        next(iter(panels.values())).set_xticks(list(numbers.values()), list(map(str, numbers)))


def _categories(drawing: Drawing) -> dict[Any, int]:
    """Return the places of the categories on the horizontal axis; none where it is numeric."""
    return {c: i for i, c in enumerate(drawing.layout["xaxis"].get("categoryarray", ()))}


def pen_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a line is drawn."""
    width = line.get("width", 2) * POINTS
    return {"color": line["color"], "lw": width, "ls": _DASHES[line.get("dash", "solid")]}


def _add_bars(axes: Axes, trace: Mapping[str, Any], x: list[Any], label: str | None) -> None:
    *rgb, alpha = map(float, re.findall(r"[\d.]+", trace["marker"]["color"]))
    color = (*(part / 255 for part in rgb), alpha)
    bars = {"width": trace["width"], "color": color, "label": label, "zorder": 1}
    axes.bar(x, trace["y"], bottom=trace["base"], **bars)


def _add_marks(axes: Axes, trace: Mapping[str, Any], x: list[Any], label: str | None) -> None:
    """Draw marks, those that are open without a filling, and the texts beside them."""
    marker = trace["marker"]
    name, color = marker["symbol"], marker["color"]
    width = marker.get("line", {}).get("width", 0) * POINTS
    style: dict[str, Any] = {"marker": _MARKERS[name.removesuffix("-open")], "mew": width}
    if name.endswith("-open"):
        style |= {"mfc": "none", "mec": color}
    else:
        style |= {"mfc": color, "mec": marker.get("line", {}).get("color", color)}
    is_clipped = trace.get("cliponaxis", True)
    size = marker.get("size", 9) * POINTS
    axes.plot(x, trace["y"], ls="", ms=size, label=label, clip_on=is_clipped, zorder=3, **style)
    for place, y, text, side in zip(
        x, trace["y"], trace.get("text", ()), trace.get("textposition", ())
    ):
        if text:
            ha, va, offset = _SIDES[side]
            where: dict[str, Any] = {
                "xytext": offset,
                "textcoords": "offset points",
                "ha": ha,
                "va": va,
            }
            axes.annotate(text, (place, y), color=color, zorder=4, **where)
