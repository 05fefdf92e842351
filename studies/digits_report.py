"""What ``digits.py`` shows: a bar while a trial runs, a line when it ends, a table and a page."""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING

from tqdm import tqdm

from optuna_bisect import trial_plan
from optuna_bisect.figures.summary import HEADER, summarize
from optuna_bisect.visualization import plot_bracket, plot_curves

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

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


def open_bar(trial: Trial, lr: float, n_steps: int) -> tqdm[None]:
    """Show the phase, the trial and the bracket while it runs."""
    plan = trial_plan(trial)
    text = f"phase 1, probe {trial.number}: rate {lr:.3g}"
    if plan.is_final:
        text = f"phase 2, final trial {trial.number}"
    if plan.bracket is not None:
        text += f", bracket {plan.bracket.low:.3g} .. {plan.bracket.high:.3g}"
    # A log file gets few lines, a terminal gets motion.
    pause = 0.1 if sys.stderr.isatty() else 5.0
    return tqdm(total=n_steps, desc=text, unit="step", leave=False, mininterval=pause)


def print_verdict(study: Study, trial: FrozenTrial) -> None:
    """Say in one line how a trial ended."""
    row = next((r for r in summarize(study).rows if r.number == trial.number), None)
    if row is not None:
        tqdm.write("trial {0}  rate {1}  {2}: {5}".format(*row.cells))


def is_complete(study: Study) -> bool:
    """Tell whether the final trial is there."""
    final = summarize(study).final
    return final is not None and final.outcome == "complete"


def print_result(study: Study, options: argparse.Namespace) -> int:
    """Print the table, the winner, where everything is, and the line with the figures.

    Args:
        study: The study.
        options: The command line.

    Returns:
        The exit code: 0 if the study is complete.
    """
    summary = summarize(study)
    print(f"\n{format_table(study)}\n\n{summary.conclusion}")
    write_page(study, options.output)
    print(f"figures: {options.output.resolve()}\nstudy: {study.study_name!r} in {options.storage}")
    if not is_complete(study) or summary.final is None:
        print("not complete: the log above says why")
        return 1
    accuracy = study.trials[summary.final.number].user_attrs["accuracy"]
    print(f"accuracy={accuracy:.4f} cost={summary.cost:.3f} final_lr={summary.final.rate:.4g}")
    return 0


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
