"""A study's note and figures in optuna-dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.figures.summary import HEADER, summarize
from optuna_bisect.visualization import plot_bracket, plot_curves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study

    from optuna_bisect.figures.summary import Summary

BRACKET_ID = "bisect-bracket"
CURVES_ID = "bisect-curves"

_HOW_TO_READ = """\
### How to read this

- A **probe** is a short trial; it ends as soon as its loss curve gives a verdict on its rate:
  `overshoot` (too high), `undershoot` (too low) or `balanced`.
- The **bracket** is the interval that the trial was proposed from: the best rate lies inside. For
  the final trial it holds the limits of the rate.
- The **winner** is the best balanced probe. Longer runs want lower rates, so the final trial is
  given a corrected one.
- A verdict is the one given when the probe ended; probes that came later may have beaten it.
- The figures are at the end of the first page, and every `bisect_*` attribute is a column of the
  trial table."""


def publish(study: Study) -> None:
    """Write what is known about a study into optuna-dashboard: a note and both figures.

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
    bracket, curves = plot_bracket(study), plot_curves(study)
    save_note(study, format_note(summarize(study)))
    save_plotly_graph_object(study, bracket, graph_object_id=BRACKET_ID)
    save_plotly_graph_object(study, curves, graph_object_id=CURVES_ID)


def format_note(summary: Summary) -> str:
    """Write the note in Markdown: title, conclusion, cost, table of trials, how to read it."""
    parts = [f"## {_title_of(summary)}", summary.conclusion]
    if summary.cost is not None:
        parts.append(f"Probes cost {summary.cost:.3g} of a full run.")
    if summary.rows:
        parts.append(_format_table([row.cells for row in summary.rows]))
    return "\n\n".join([*parts, _HOW_TO_READ])


def _title_of(summary: Summary) -> str:
    if summary.final is not None:
        return f"Final trial {summary.final.number}: learning rate {summary.final.rate:.3g}"
    if summary.winner is not None:
        return f"Winner so far: learning rate {summary.winner.lr:.3g}"
    return "The search has no winner yet"


def _format_table(rows: Sequence[Sequence[str]]) -> str:
    lines = [HEADER, ["---"] * len(HEADER), *rows]
    return "\n".join("| " + " | ".join(_escape(cell) for cell in line) + " |" for line in lines)


def _escape(cell: str) -> str:
    """Keep a cell on its line and in its column."""
    return cell.replace("|", "\\|").replace("\n", " ")
