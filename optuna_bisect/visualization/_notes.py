"""What a figure has beside its traces: texts, lines across it, and the legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna_bisect.visualization._axes import plain
from optuna_bisect.visualization._traces import pen_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

# Columns of the legend in each panel.
_COLUMNS = 3
_ANCHORS = {"left": "left", "middle": "center", "top": "top", "bottom": "bottom"}


def add_notes(panels: Mapping[str, Axes], layout: Mapping[str, Any]) -> None:
    """Draw the lines across a figure, and its texts where plotly would put them."""
    first = next(iter(panels.values()))
    for shape in layout.get("shapes", ()):
        first.axhline(shape["y0"], **pen_of({"width": 2} | shape["line"]))
    for note in layout.get("annotations", ()):
        axes = panels.get(note["xref"].removesuffix(" domain"), first)
        if note.get("yref") == "paper":
            y, transform = note["y"], axes.transAxes
        else:
            # On a logarithmic axis a text of plotly stands at a logarithm.
            is_log = axes.get_yscale() == "log"
            y = 10 ** note["y"] if is_log else note["y"]
            transform = axes.get_yaxis_transform()
        ha = _ANCHORS[note.get("xanchor", "middle")]
        va = _ANCHORS[note.get("yanchor", "middle")]
        axes.text(note["x"], y, plain(note["text"]), transform=transform, ha=ha, va=va)


def add_legend(panels: Mapping[str, Axes]) -> None:
    """Name each look once, below the panels."""
    named: dict[str, Any] = {}
    for axes in panels.values():
        handles, labels = axes.get_legend_handles_labels()
        named |= dict(zip(labels, handles))
    if named:
        figure: Any = next(iter(panels.values())).get_figure()
        where = {"loc": "outside lower left", "ncols": _COLUMNS * len(panels), "frameon": False}
        figure.legend(list(named.values()), list(named), fontsize="small", **where)
