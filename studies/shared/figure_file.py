"""Writes a figure as a picture or as a page."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

# Few colours are enough for a drawing, and make the file a third as large.
N_COLORS = 128


def start(doc: str, default: Path, argv: Sequence[str] | None) -> Path:
    """Read where a study writes its figure; have it run on one thread and without Optuna's log."""
    parser = argparse.ArgumentParser(description=doc.split("\n", maxsplit=1)[0])
    parser.add_argument("--output", type=Path, default=default, help=".png or .html")
    import torch  # noqa: PLC0415 (who writes figures only needs none)

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return parser.parse_args(argv).output


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
