"""A study in plain text, as wide as a terminal: a table, a line per trial, a line of progress."""

from __future__ import annotations

import textwrap
from itertools import compress
from typing import TYPE_CHECKING

from optuna_bisect.figures.summary import HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.figures.progress import Progress
    from optuna_bisect.figures.summary import Row

_GAP = "  "
# A column of reasons that is narrower than this many characters is read worse than lines below.
_LEAST_REASON = 30
# Widths of a drawn bar, in characters.
_LEAST_BAR, _MOST_BAR = 8, 24


def format_table(rows: Sequence[Row], width: int) -> str:
    """Return the trials as a table of at most ``width`` characters.

    Reasons are wrapped in a column of their own where there is room, else below their trial.
    Columns without content are left out.
    """
    if not rows:
        return ""
    filled = [any(column) for column in zip(*(row.cells for row in rows), strict=True)]
    filled = [*filled[:-1], True]
    lines = [tuple(compress(line, filled)) for line in (HEADER, *(row.cells for row in rows))]
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:-1]]
    indent = sum(widths) + len(_GAP) * len(widths)
    is_below = width - indent < _LEAST_REASON
    if is_below:
        indent = widths[0] + len(_GAP)
    text = []
    for *cells, reason in lines[is_below:]:
        start = _GAP.join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True))
        told = textwrap.wrap(reason, width - indent, break_on_hyphens=False)
        first = "" if is_below or not told else _GAP + told.pop(0)
        text += [(start + first).rstrip(), *(" " * indent + line for line in told)]
    if is_below:
        head = _GAP.join(name.ljust(w) for name, w in zip(lines[0], widths, strict=False))
        text.insert(0, head.rstrip())
    return "\n".join(text)


def format_trial(row: Row) -> str:
    """Say in one line how a trial ended."""
    number, rate, outcome, _, limits, reason = row.cells
    told = f"{outcome}: {reason}" if reason else outcome
    return f"trial {number}: rate {rate}, {told}" + (f" (bracket {limits})" if limits else "")


def format_progress(progress: Progress, width: int | None = None) -> str:
    """Say in one line of at most ``width`` characters how far a study has come.

    Phase, trial, bracket, share and time are always said; what else there is room for, in this
    order: the rate, the latest report, a bar. None: there is no limit, and no bar.
    """
    row = progress.running[-1] if progress.running else None
    limits = row.bracket if row else None
    bracket = [f"bracket {limits.low:.2g} .. {limits.high:.2g}"] if limits else []
    rate = [f"rate {_rate_now(row):.2g}"] if row else []
    report = [f"reported {row.losses[-1]:.3g}"] if row and row.losses else []
    share = [f"{int(100 * progress.share)} %"] if progress.share is not None else []
    left = [f"{format_time(progress.seconds_left)} left"] if progress.seconds_left else []
    head = _head(progress, row)
    texts = [
        ", ".join([head, *middle, *bracket, *share, *left])
        for middle in ([*rate, *report], rate, [])
    ]
    fitting = next((text for text in texts if width is None or len(text) <= width), texts[-1])
    n_bar = min((width or 0) - len(fitting) - len(" []"), _MOST_BAR)
    if progress.share is None or n_bar < _LEAST_BAR:
        return fitting
    return f"{fitting} [{'#' * int(progress.share * n_bar):-<{n_bar}}]"


def format_time(seconds: float) -> str:
    """Return a time as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _head(progress: Progress, row: Row | None) -> str:
    phase = "" if progress.phase is None else f"phase {progress.phase}, "
    if row is None:
        n = progress.n_probes
        if not n and progress.phase is None:
            return "no trial has begun"
        return f"{phase}{n} probe{'s' * (n != 1)} done"
    kind = "trial" if progress.phase is None else "final trial" if row.is_final else "probe"
    more = len(progress.running) - 1
    return f"{phase}{kind} {row.number}" + (f" and {more} more" if more else "")


def _rate_now(row: Row) -> float:
    """Return the rate that a final trial has moved to, else the one that the trial was given."""
    path = (row.adjustment or {}).get("path")
    return path[-1][1] if path else row.rate
