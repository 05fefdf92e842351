"""A study's note and figures in optuna-dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import (
    describe_configurations,
    table_of,
    table_of_configurations,
)
from optuna_bisect.visualization import plot_bracket, plot_configurations, plot_curves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study

    from optuna_bisect.figures.summary import Summary

BRACKET_ID = "bisect-bracket"
CURVES_ID = "bisect-curves"
CONFIGURATIONS_ID = "bisect-configurations"

_HOW_TO_READ = """\
### How to read this

- A **probe** is a short trial; it ends as soon as its loss curve gives a verdict on its rate:
  `overshoot` (too high), `undershoot` (too low) or `balanced`.
- The **bracket** is the interval that the trial was proposed from: the best rate lies inside. For
  the final trial it holds the limits of the rate.
- The **winner** is the best balanced probe. Longer runs want lower rates, so the final trial is
  given a corrected one.
- A verdict is the one given when the probe ended; probes that came later may have beaten it.
- A **configuration** is a set of values of all parameters but the rate. Each has a search of its
  own, named by its first trial: `bisect_search` says to which one a trial belongs.
- The figures are at the end of the first page, and every `bisect_*` attribute is a column of the
  trial table."""


def publish(study: Study) -> None:
    """Write what is known about a study into optuna-dashboard: a note and the figures.

    Call it after ``optimize``, or while it runs with
    ``callbacks=[lambda study, trial: publish(study)]``, from one worker only: the dashboard does
    not replace what it stored in one go, so that two writers mix their texts.

    Args:
        study: The study; its note and the figures of an earlier call are replaced.

    Raises:
        ImportError: If optuna-dashboard or plotly is missing.
    """
    try:
        from optuna_dashboard import save_note, save_plotly_graph_object  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "optuna_bisect.dashboard needs optuna-dashboard: "
            "pip install 'optuna_bisect[dashboard]'."
        ) from error
    summary = summarize(study)
    figures = {BRACKET_ID: plot_bracket(study), CURVES_ID: plot_curves(study)}
    if summary.is_several:
        figures = {CONFIGURATIONS_ID: plot_configurations(study), **figures}
    save_note(study, format_note(summary))
    for name, figure in figures.items():
        save_plotly_graph_object(study, figure, graph_object_id=name)


def format_note(summary: Summary) -> str:
    """Write the note in Markdown: title, conclusion, cost, tables, how to read it."""
    parts = [f"## {_title_of(summary)}", summary.conclusion]
    if told := describe_configurations(summary):
        parts.append(told)
    elif summary.cost is not None:
        parts.append(f"Probes cost {summary.cost:.3g} of a full run.")
    tables = (table_of_configurations(summary), table_of(summary.rows))
    parts += [_format_table(lines) for lines in tables if lines]
    return "\n\n".join([*parts, _HOW_TO_READ])


def _title_of(summary: Summary) -> str:
    best = summary.leading if summary.is_several else None
    held = "" if best is None else f", configuration {best.number}"
    if summary.final is not None:
        return f"Final trial {summary.final.number}: learning rate {summary.final.rate:.3g}{held}"
    if summary.winner is not None:
        return f"Winner so far: learning rate {summary.winner.lr:.3g}{held}"
    return "The search has no winner yet"


def _format_table(lines: Sequence[Sequence[str]]) -> str:
    ruled = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(_escape(cell) for cell in line) + " |" for line in ruled)


def _escape(cell: str) -> str:
    """Keep a cell on its line and in its column."""
    return cell.replace("|", "\\|").replace("\n", " ")
