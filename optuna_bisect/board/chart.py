"""Loss curves drawn with characters: what every version of the dashboard shows in a note."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.figures.rows import Row

_WIDTH, _HEIGHT = 60, 11
_OWN, _OTHER = "●", "·"
# Losses that spread over more than this factor are drawn on a logarithmic axis.
_WIDE = 10


def draw_chart(own: Row, other: Row | None, *, sign: int = 1) -> str:
    """Draw what a trial reported, beside the best probe over the same steps.

    Args:
        own: The trial.
        other: The probe to compare with, None without one.
        sign: -1 where reports are better the higher they are.

    Returns:
        The lines of the drawing, empty without two finite reports.
    """
    points = _finite(own)
    if len(points) < 2:
        return ""
    last = own.steps[-1] or 1
    beside = [p for p in _finite(other) if p[0] <= last] if other else []
    shown = [loss for _, loss in points + beside]
    start = points[0][1]
    # A run that diverges must not make a flat line of the other one.
    worst = max(beside, key=lambda p: sign * p[1], default=(0, start))[1]
    limit = max(sign * start, sign * worst)
    limit += 0.2 * abs(limit - min(sign * loss for loss in shown))
    top = min(max(sign * loss for loss in shown), limit)
    bottom = min(sign * loss for loss in shown)
    is_log = sign > 0 and bottom > 0 and top > _WIDE * bottom
    cells = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    for curve, mark in ((beside, _OTHER), (points, _OWN)):
        for column, loss in _columns(curve, last):
            share = _share(sign * loss, bottom, top, is_log=is_log)
            cells[round((1 - share) * (_HEIGHT - 1))][column] = mark
    return "\n".join(_with_axes(cells, (sign * top, sign * bottom), last, own, other))


def _finite(row: Row) -> list[tuple[int, float]]:
    return [(s, loss) for s, loss in zip(row.steps, row.losses) if math.isfinite(loss)]


def _columns(curve: Sequence[tuple[int, float]], last: int) -> list[tuple[int, float]]:
    """Return the loss of each column, between reports that of a straight line."""
    found: list[tuple[int, float]] = []
    for column in range(_WIDTH):
        step = column * last / (_WIDTH - 1)
        after = next((i for i, (s, _) in enumerate(curve) if s >= step), None)
        if after is None or (after == 0 and curve[0][0] > step + last / _WIDTH):
            continue
        (b, y), (a, x) = curve[after], curve[max(after - 1, 0)]
        found.append((column, y if a == b else x + (y - x) * (step - a) / (b - a)))
    return found


def _share(value: float, bottom: float, top: float, *, is_log: bool) -> float:
    value = min(max(value, bottom), top)
    if top == bottom:
        return 0.5
    if is_log:
        return math.log(value / bottom) / math.log(top / bottom)
    return (value - bottom) / (top - bottom)


def _with_axes(
    cells: Sequence[Sequence[str]],
    ends: tuple[float, float],
    last: int,
    own: Row,
    other: Row | None,
) -> list[str]:
    names = [f"{end:.3g}" for end in ends]
    width = max(map(len, names))
    labels = [names[0], *[""] * (_HEIGHT - 2), names[1]]
    lines = [
        f"{label:>{width}} │{''.join(row)}".rstrip()
        for label, row in zip(labels, cells, strict=True)
    ]
    lines.append(f"{'':{width}} └{'─' * _WIDTH}")
    lines.append(f"{'':{width}}  0{f'{last} steps':>{_WIDTH - 1}}")
    told = f"{_OWN} trial {own.number}, rate {own.rate:.3g}"
    if other is not None:
        told += f"     {_OTHER} trial {other.number}, the best probe, rate {other.rate:.3g}"
    return [*lines, f"{'':{width}}  {told}"]
