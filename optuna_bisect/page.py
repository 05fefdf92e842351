"""One HTML page of a study that needs no network: conclusion, figures and table."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

from optuna_bisect.figures import style
from optuna_bisect.figures.adjustment import draw_adjustment, get_adjustment_info
from optuna_bisect.figures.bracket import draw_bracket, draw_response
from optuna_bisect.figures.configurations import draw_configurations, draw_parallel
from optuna_bisect.figures.curves import draw_curves, get_curves_info
from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import (
    describe_configurations,
    table_of,
    table_of_configurations,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study

    from optuna_bisect.figures.summary import Summary

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 Helvetica, Arial, sans-serif; max-width: 1000px; margin: 2em auto;
  padding: 0 0.8em; }}
.wide {{ overflow-x: auto; }}
td:last-child {{ min-width: 14em; }}
table {{ border-collapse: collapse; margin: 1em 0; }}
td, th {{ padding: 0.2em 0.8em; text-align: left; border-bottom: 1px solid #80808050; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {dark_paper}; color: {dark_ink}; }} }}
</style></head>
<body><h1>{title}</h1><p>{conclusion}</p>
<p>A <b>probe</b> is a short run that ends as soon as its loss says whether its learning rate is
too high, too low or balanced. The <b>bracket</b> is the interval in which the best rate must lie;
each probe makes it smaller. {final}</p>
{figures}
{tables}
<script>
const dark = matchMedia("(prefers-color-scheme: dark)"), templates = {templates};
const paint = () => document.querySelectorAll(".js-plotly-plot").forEach(
  figure => Plotly.relayout(figure, {{ template: templates[+dark.matches] }}));
dark.addEventListener("change", paint);
paint();
</script>
</body></html>
"""


def render_page(study: Study) -> str:
    """Return the page; plotly itself is part of it."""
    summary, info = summarize(study), get_adjustment_info(study)
    figures = [draw_bracket(summary), draw_response(summary), draw_curves(get_curves_info(study))]
    if summary.is_several:
        figures = [draw_configurations(summary), draw_parallel(study), *figures]
    if info.number is not None:
        figures.append(draw_adjustment(info))
    for figure in figures:
        # The reader chooses light or dark, not whoever saves the page.
        figure.layout.template = style.TEMPLATE
    dark = style.DARK_TEMPLATE["layout"]
    return _PAGE.format(
        title=html.escape(study.study_name),
        dark_paper=dark["paper_bgcolor"],
        dark_ink=dark["font"]["color"],
        templates=json.dumps([style.TEMPLATE, style.DARK_TEMPLATE]),
        conclusion=html.escape(f"{summary.conclusion} {describe_configurations(summary)}".strip()),
        final=html.escape(_final_of(summary)),
        figures="\n".join(
            figure.to_html(full_html=False, include_plotlyjs=i == 0, default_height=480)
            for i, figure in enumerate(figures)
        ),
        tables="\n".join(
            _html_table(lines)
            for lines in (table_of_configurations(summary), table_of(summary.rows))
            if lines
        ),
    )


def _final_of(summary: Summary) -> str:
    """Say what came of the search: the full run and its rate."""
    final = summary.final
    if final is None:
        return ""
    return (
        f"The full run is trial {final.number}, at a rate of {final.rate:.3g} ({final.outcome})."
    )


def _html_table(rows: Sequence[Sequence[str]]) -> str:
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    lines = "\n".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="wide"><table>{lines}</table></div>'
