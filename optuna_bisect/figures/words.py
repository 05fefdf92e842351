"""A study in plain text, as wide as a terminal: a table, a line per trial, a line of progress."""

from __future__ import annotations

import textwrap
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING

from optuna_bisect.figures.rows import HEADER, LEADING, format_params

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.figures.progress import Progress
    from optuna_bisect.figures.rows import Configuration, Row
    from optuna_bisect.figures.summary import Summary

_GAP = "  "
# A column of reasons that is narrower than this many characters is read worse than lines below.
_LEAST_REASON = 30
# Widths of a drawn bar, in characters.
_LEAST_BAR, _MOST_BAR = 8, 24
_CONFIGURATION_HEADER = (
    "config", "result", "ended at", "rate", "bracket", "probes", "steps", "cost", "parameters",
)  # fmt: skip
_LEADS = {"winner": "best", "best so far": "best so far"}
# What became of configurations that do not lead, in the order in which it is told.
_RESULTS = {
    "worse": "ended worse after a whole search",
    "dropped": "dropped early, behind a better one at equal steps",
    "no rate": "without any rate that trains",
    "searched": "still being searched",
}
# Results that need no reason of their own in a table.
_PLAIN = (*LEADING, "worse", "searched")


def table_of(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return trials as lines of a table: its header, then one line each.

    Columns without content are left out, and that of the configuration where there is only one.
    """
    is_several = len({row.search for row in rows}) > 1
    lines = [row.cells if is_several else (row.cells[0], "", *row.cells[2:]) for row in rows]
    return _with_content([HEADER, *lines]) if rows else []


def table_of_configurations(summary: Summary) -> list[tuple[str, ...]]:
    """Return the configurations as lines of a table, the best one first; none for a single one."""
    if not summary.is_several or not summary.configurations:
        return []
    lines = [_cells_of(c, summary.final_steps) for c in _by_rank(summary)]
    return _with_content([_CONFIGURATION_HEADER, *lines])


def describe_configurations(summary: Summary) -> str:
    """Say how many configurations were searched, and why they lost; empty for a single one."""
    found = summary.configurations
    if not summary.is_several or not found:
        return ""
    planned = max(len(found), summary.n_configurations)
    is_open = summary.winner is None and len(found) < planned
    text = f"{len(found)}{f' of {planned}' if is_open else ''} configurations were searched"
    if summary.cost is not None:
        text += f", together for {summary.cost:.3g} of a full run"
    best = summary.leading
    parts = [] if best is None else [f"configuration {best.number} is the {_LEADS[best.result]}"]
    counts = Counter(c.result for c in found)
    parts += [f"{counts[result]} {told}" for result, told in _RESULTS.items() if counts[result]]
    return f"{text}: {'; '.join(parts)}. Each is named by the number of its first trial."


def _by_rank(summary: Summary) -> list[Configuration]:
    """Return the winner, then those that were searched to the end, the dropped ones last."""
    sign = -1 if summary.is_report_maximized else 1
    order = [*LEADING, *_RESULTS]
    return sorted(
        summary.configurations,
        key=lambda c: (order.index(c.result), c.value is None, sign * (c.value or 0.0)),
    )


def _cells_of(configuration: Configuration, final_steps: int | None) -> tuple[str, ...]:
    c, limits = configuration, configuration.bracket
    told = format_params(c.params)
    if c.result not in _PLAIN:
        told += f"; {c.reason}"
    return (
        str(c.number),
        c.result,
        "" if c.value is None else f"{c.value:.4g}",
        "" if c.rate is None else f"{c.rate:.3g}",
        f"{limits.low:.3g} .. {limits.high:.3g}" if limits else "",
        str(len(c.rows)),
        str(c.n_steps),
        f"{c.n_steps / final_steps:.2g}" if final_steps else "",
        told,
    )


def _with_content(lines: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Leave out columns that are empty below the header, but for the last one."""
    filled = [any(column) for column in zip(*lines[1:], strict=True)]
    filled = [*filled[:-1], True]
    return [tuple(compress(line, filled)) for line in lines]


def format_table(lines: Sequence[Sequence[str]], width: int) -> str:
    """Return a table of at most ``width`` characters.

    What stands in the last column is wrapped there where there is room, else below its line.
    """
    if not lines:
        return ""
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


def format_trial(row: Row, *, is_several: bool = False) -> str:
    """Say in one line how a trial ended; of several configurations, also which one it ran."""
    number, search, rate, outcome, _, limits, fit, reason = row.cells
    told = f"{outcome}: {reason}" if reason else outcome
    of = f" of configuration {search}" if is_several and search else ""
    more = [*([f"bracket {limits}"] if limits else []), *([fit] if fit else [])]
    return f"trial {number}{of}: rate {rate}, {told}" + (f" ({', '.join(more)})" if more else "")


def format_progress(progress: Progress, width: int | None = None) -> str:
    """Say in one line of at most ``width`` characters how far a study has come.

    Phase, trial, bracket, share and time are always said; what else there is room for, in this
    order: how many configurations were begun, the rate, the latest report, a bar. None: there is
    no limit, and no bar.
    """
    row = progress.running[-1] if progress.running else None
    limits = row.bracket if row else None
    bracket = [f"bracket {limits.low:.2g} .. {limits.high:.2g}"] if limits else []
    rate = [f"rate {_rate_now(row):.2g}"] if row else []
    report = [f"reported {row.losses[-1]:.3g}"] if row and row.losses else []
    share = [f"{int(100 * progress.share)} %"] if progress.share is not None else []
    left = [f"{format_time(progress.seconds_left)} left"] if progress.seconds_left else []
    head = _head(progress, row)
    more = [*_begun(progress), *rate, *report]
    texts = [
        ", ".join([head, *more[:n], *bracket, *share, *left]) for n in range(len(more), -1, -1)
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


def _begun(progress: Progress) -> list[str]:
    if progress.configurations is None:
        return []
    n_begun, n = progress.configurations
    return [f"configuration {n_begun} of {n}"]


def _rate_now(row: Row) -> float:
    """Return the rate that a final trial has moved to, else the one that the trial was given."""
    path = (row.adjustment or {}).get("path")
    return path[-1][1] if path else row.rate
