"""The note of a trial: verdict, reason, and its curve beside the best probe's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.board.chart import draw_chart

if TYPE_CHECKING:
    from optuna_bisect.figures.rows import Row
    from optuna_bisect.figures.summary import Summary

# The end of every note of ours: what a user wrote is never replaced.
MARK = "*Written by optuna_bisect.*"
_WORDS = {
    "overshoot": "Too high (overshoot)",
    "undershoot": "Too low (undershoot)",
    "balanced": "Balanced",
}
# Moves of Phase 2 that a note lists; the first ones are left out where there are more.
_MAX_MOVES = 20


def format_trial_note(summary: Summary, row: Row) -> str:
    """Write the note of one trial in Markdown."""
    sign = -1 if summary.is_report_maximized else 1
    parts = [f"### {_headline(row)}"]
    if row.reason:
        parts.append(f"{row.reason[0].upper()}{row.reason[1:]}.")
    if row.bracket is not None:
        told = "Limits of its rate" if row.is_final else "Proposed from the bracket"
        parts.append(f"{told}: {row.bracket.low:.3g} .. {row.bracket.high:.3g}.")
    if row.fit is not None:
        parts.append(row.fit.sentence)
    if chart := draw_chart(row, _beside(summary, row), sign=sign):
        parts.append(f"```\n{chart}\n```")
    if moves := (row.adjustment or {}).get("moves"):
        lines = ["| step | rate from then on | what happened |", "| --- | --- | --- |"]
        lines += [f"| {step} | {lr:.3g} | {signal} |" for step, lr, signal in moves[-_MAX_MOVES:]]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, MARK])


def _headline(row: Row) -> str:
    rate = f"learning rate {row.rate:.3g}"
    if row.is_final:
        return f"Final trial, {row.outcome}: {rate}, {row.n_steps} steps"
    outcome = _WORDS.get(row.outcome, row.outcome.capitalize())
    return f"{outcome}: {rate}, {row.n_steps} steps"


def _beside(summary: Summary, row: Row) -> Row | None:
    """Return the winner, else the latest balanced probe of the same search."""
    if summary.winner is not None:
        number = summary.winner.number
        found = next((r for r in summary.rows if r.number == number), None)
    else:
        rows = (r for r in reversed(summary.probes) if r.search == row.search)
        found = next((r for r in rows if r.outcome == "balanced"), None)
    return None if found is None or found.number == row.number else found
