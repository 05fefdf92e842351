"""Writes a figure as a picture or as a page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go

# Few colours are enough for a drawing, and make the file a third as large.
N_COLORS = 128


def write(figure: go.Figure, path: Path) -> None:
    """Write a page for ``.html``, else a picture (kaleido and a Chromium draw it)."""
    if path.suffix == ".html":
        figure.write_html(path)
    else:
        figure.write_image(path, width=900, height=560)


def write_small(figure: go.Figure, path: Path, width: int, height: int) -> None:
    """Write a page for ``.html``, else a picture of few colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".html":
        write(figure, path)
        return
    from PIL import Image  # noqa: PLC0415 (a page needs none)

    drawn = figure.to_image("png", width=width, height=height, scale=1.5)
    picture = Image.open(io.BytesIO(drawn)).convert("RGB").quantize(N_COLORS)
    picture.save(path, optimize=True)
