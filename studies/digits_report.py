"""What a study shows at its end: a table, the winner, and one page with both figures."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from optuna_bisect.figures.summary import HEADER, summarize
from optuna_bisect.visualization import plot_bracket, plot_curves

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.study import Study

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 Helvetica, Arial, sans-serif; max-width: 1000px; margin: 2em auto; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: 0.2em 0.8em; text-align: left; border-bottom: 1px solid #e4e7eb; }}
</style></head>
<body><h1>{title}</h1><p>{conclusion}</p>
{figures}
{table}
</body></html>
"""


def format_table(study: Study) -> str:
    """Return the trials as a table of plain text."""
    rows = [HEADER, *(row.cells for row in summarize(study).rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    return "\n".join(_format_row(row, widths) for row in rows)


def _format_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths))
    return "  ".join(padded).rstrip()


def write_page(study: Study, path: Path) -> None:
    """Write one page that needs no network: plotly itself is part of it.

    Args:
        study: The study.
        path: Where to, an ``.html`` file.
    """
    figures = [
        plot(study).to_html(full_html=False, include_plotlyjs=is_first, default_height=480)
        for plot, is_first in ((plot_bracket, True), (plot_curves, False))
    ]
    page = _PAGE.format(
        title=html.escape(study.study_name),
        conclusion=html.escape(summarize(study).conclusion),
        figures="\n".join(figures),
        table=_html_table([HEADER, *(row.cells for row in summarize(study).rows)]),
    )
    path.write_text(page, encoding="utf-8")


def _html_table(rows: Sequence[Sequence[str]]) -> str:
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    return "<table>" + "\n".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
