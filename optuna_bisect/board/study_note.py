"""The note of a study: where it stands, what runs, its trials, and which cards to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.figures.words import (
    describe_configurations,
    format_progress,
    table_of,
    table_of_configurations,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.figures.progress import Progress
    from optuna_bisect.figures.summary import Summary

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


### Which cards to look at

- On the first page: the figures below the timeline, and **Timeline** itself. On the page of each
  trial: its note.
- **History** shows short and full runs as if they were alike: switch *Include PRUNED trials* off.
  **Hyperparameter Importance** needs several complete trials, and there is one. **Slice**,
  **Contour** and **EDF** of the analytics page mix the lengths as well.
- In the trial table, `bisect_side` stands for the verdict and can be sorted by: 1 too high, -1 too
  low, 0 balanced. Texts cannot be sorted by there."""


def format_note(summary: Summary, progress: Progress | None = None) -> str:
    """Write the note in Markdown: title, what runs, conclusion, cost, tables, how to read it."""
    parts = [f"## {_title_of(summary)}", summary.conclusion]
    if progress is not None and progress.running:
        parts.insert(1, f"**Running now:** {format_progress(progress)}.")
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
    final = summary.final
    if final is not None and final.outcome not in ("complete", "running"):
        what = "diverged" if final.outcome == "overshoot" else "broke off"
        return f"No final trial yet: trial {final.number} {what} at {final.rate:.3g}"
    if final is not None:
        return f"Final trial {final.number}: learning rate {final.rate:.3g}{held}"
    if summary.winner is not None:
        return f"Winner so far: learning rate {summary.winner.lr:.3g}{held}"
    return "The search has no winner yet"


def _format_table(lines: Sequence[Sequence[str]]) -> str:
    ruled = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(_escape(cell) for cell in line) + " |" for line in ruled)


def _escape(cell: str) -> str:
    """Keep a cell on its line and in its column."""
    return cell.replace("|", "\\|").replace("\n", " ")
