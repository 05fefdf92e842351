"""Writes a figure as a picture or as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go


def write(figure: go.Figure, path: Path) -> None:
    """Write a page for ``.html``, else a picture (kaleido and a Chromium draw it)."""
    if path.suffix == ".html":
        figure.write_html(path)
    else:
        figure.write_image(path, width=900, height=560)
