"""The four figures of ``landscape.py``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studies.landscape_runs import Descent, Surface

GRID = "#E4E7EB"
# Colour, dash and marker of the paths and curves, told apart in grey too.
LOOKS = {
    "small": ("#0072B2", "dot", "circle"),
    "large": ("#D55E00", "solid", "x"),
    "large, decaying": ("#009E73", "dash", "diamond"),
}
LOG = {"type": "log", "exponentformat": "power", "dtick": 1}


def draw_rates(curves: Mapping[str, Sequence[float]]) -> go.Figure:
    """Draw losses over epochs; each curve is named where it ends."""
    figure = go.Figure()
    for (name, curve), (color, dash, _) in zip(curves.items(), LOOKS.values()):
        epochs = list(range(1, len(curve) + 1))
        line = {"color": color, "dash": dash, "width": 3}
        figure.add_scatter(x=epochs, y=list(curve), mode="lines", line=line, name=name)
        figure.add_annotation(
            x=len(curve),
            y=curve[-1],
            text=name,
            font={"color": color, "size": 14},
            showarrow=False,
            xanchor="left",
            xshift=6,
        )
    return _finish(
        figure,
        "One network, three rates: too high jumps about, too low crawls, the found one settles",
        xaxis={"title": "epoch", "gridcolor": GRID, "range": [0.5, 20.2]},
        yaxis={"title": "training loss", "gridcolor": GRID, "range": [-0.1, 2.5]},
        margin={"l": 60, "r": 235, "t": 60, "b": 50},
    )


def draw_surface(
    surface: Surface, title: str, x: str, y: str, *, eye: tuple[float, float]
) -> go.Figure:
    """Draw a loss from above and, from an eye's place, in perspective, with paths on it."""
    figure = make_subplots(
        1,
        2,
        specs=[[{"type": "xy"}, {"type": "scene"}]],
        subplot_titles=["from above; each mark is one step", "in perspective"],
        horizontal_spacing=0.04,
    )
    low, top = float(surface.heights.min()), _top(surface)
    figure.add_contour(
        x=surface.x,
        y=surface.y,
        z=surface.heights,
        colorscale=[[0, "#555555"], [1, "#DDDDDD"]],
        showscale=False,
        contours={"coloring": "lines", "start": low, "end": 2 * top, "size": (top - low) / 12},
        line={"width": 1},
        row=1,
        col=1,
    )
    figure.add_surface(
        x=surface.x,
        y=surface.y,
        # The bowl ends a little above the highest step.
        z=np.where(surface.heights <= top, surface.heights, np.nan),
        colorscale=[[0, "#9AA0A6"], [1, "#ECEEF1"]],
        showscale=False,
        opacity=0.55,
        row=1,
        col=2,
    )
    for name, path in surface.paths.items():
        _add_path(figure, name, path, lift=0.02 * (top - low))
    _name_ends(figure, surface)
    figure.update_xaxes(title=x, range=[surface.x[0], surface.x[-1]])
    figure.update_yaxes(title=y, range=[surface.y[0], surface.y[-1]])
    scene = {
        "xaxis": {"title": "", "nticks": 4, "showticklabels": False},
        "yaxis": {"title": "", "nticks": 4, "showticklabels": False},
        "zaxis": {"title": "loss", "nticks": 4, "range": [low, top]},
        "aspectmode": "cube",
        "camera": {"eye": {"x": eye[0], "y": eye[1], "z": 1.25}, "center": {"z": -0.15}},
    }
    legend = {"orientation": "h", "x": 0.0, "y": -0.16, "font": {"size": 14}}
    margin = {"l": 60, "r": 10, "t": 90, "b": 80}
    return _finish(figure, title, scene=scene, legend=legend, margin=margin)


def _top(surface: Surface) -> float:
    """Return a loss a little above the highest step of the paths."""
    return 1.1 * max(float(path.losses.max()) for path in surface.paths.values())


def _name_ends(figure: go.Figure, surface: Surface) -> None:
    """Name the common start of the paths and the lowest point, in the picture from above."""
    x, y = next(iter(surface.paths.values())).points[0]
    row, column = np.unravel_index(surface.heights.argmin(), surface.heights.shape)
    label = {"font": {"size": 14}, "bgcolor": "rgba(255, 255, 255, 0.8)", "arrowhead": 2}
    figure.add_annotation(x=x, y=y, text="start", ax=0, ay=40, **label, row=1, col=1)
    x, y = surface.x[column], surface.y[row]
    figure.add_annotation(x=x, y=y, text="lowest point", ax=95, ay=15, **label, row=1, col=1)


def _add_path(figure: go.Figure, name: str, path: Descent, lift: float) -> None:
    """Add a path to both pictures, in the second one a little above the surface."""
    color, dash, symbol = LOOKS[name]
    x, y = path.points[:, 0], path.points[:, 1]
    line = {"color": color, "width": 2, "dash": dash}
    marker = {"color": color, "size": 7, "symbol": symbol}
    shared = {"mode": "lines+markers", "name": f"{name} rate"}
    figure.add_scatter(x=x, y=y, line=line, marker=marker, **shared, row=1, col=1)
    # Plotly writes a cross in 3-D with a letter that not every font has.
    solid = {"size": 3, "symbol": "circle" if symbol == "x" else symbol}
    deep = {"line": {"color": color, "width": 5}, "marker": marker | solid}
    z = path.losses + lift
    figure.add_scatter3d(x=x, y=y, z=z, **deep, **shared, showlegend=False, row=1, col=2)


def draw_edge(
    rises: Mapping[str, Sequence[tuple[float, float]]], ends: Sequence[tuple[float, float]]
) -> go.Figure:
    """Draw how far descent rises beside a minimum, and where training from scratch ends."""
    figure = make_subplots(
        1,
        2,
        horizontal_spacing=0.12,
        subplot_titles=["started beside a minimum", "started from untrained weights"],
    )
    for (name, points), look in zip(rises.items(), (LOOKS["small"], LOOKS["large, decaying"])):
        x, y = zip(*points)
        color, _, symbol = look
        marker = {"size": 9, "color": color, "symbol": symbol}
        figure.add_scatter(
            x=x, y=y, mode="lines+markers", name=name, line={"color": color}, marker=marker
        )
    x, y = zip(*ends)
    line = {"color": "#111111"}
    figure.add_scatter(x=x, y=y, mode="lines+markers", line=line, showlegend=False, row=1, col=2)
    for col in (1, 2):
        figure.add_vline(x=1, line={"color": "#D55E00", "dash": "dash", "width": 2}, col=col)
        text = {"text": "2 / sharpness", "font": {"color": "#D55E00", "size": 14}}
        place = {"x": 0, "y": 5.3 if col == 1 else 7.0, "xanchor": "right", "xshift": -5}
        figure.add_annotation(**text, **place, showarrow=False, row=1, col=col)
    figure.update_xaxes(title="learning rate, in units of 2 / sharpness", gridcolor=GRID)
    ticks = [0.5, 0.7, 1, 1.4, 2]
    figure.update_xaxes(type="log", tickvals=ticks, col=1)
    figure.update_xaxes(type="log", tickvals=[0.01, 0.1, 1, 10], col=2)
    figure.update_yaxes(
        title="highest loss on the way, in units<br>of the first (top: diverges)",
        gridcolor=GRID,
        range=[-0.4, 6],
        **LOG,
        row=1,
        col=1,
    )
    figure.update_yaxes(title="loss after 300 steps", gridcolor=GRID, row=1, col=2)
    return _finish(
        figure,
        "The edge is exact beside a minimum, and no wall for training from scratch",
        legend={"x": 0.02, "y": 0.55},
        margin={"l": 90, "r": 20, "t": 90, "b": 60},
    )


def _finish(figure: go.Figure, title: str, **layout: object) -> go.Figure:
    shared = {"template": "plotly_white", "title": title, "showlegend": "legend" in layout}
    return figure.update_layout(**shared, **layout)


def clip(points: Sequence[tuple[float, float]], top: float) -> list[tuple[float, float]]:
    """Put what is higher, or infinite, on the upper edge of the picture."""
    return [(x, min(y, top) if math.isfinite(y) else top) for x, y in points]
