"""A chart in characters: each curve where it belongs, whatever the losses are."""

from __future__ import annotations

import math

import pytest

from optuna_bisect.board.chart import draw_chart
from optuna_bisect.figures.rows import Row


def row(losses, number=0, every=2) -> Row:
    steps = tuple(range(0, every * len(losses), every))
    return Row(number, 0.1, False, "balanced", "", None, steps, tuple(losses), None, None)


def height(chart: str, mark: str) -> list[int]:
    """Return the line of the mark in the first and in the last column that has it."""
    lines = [line.split("│")[1] if "│" in line else "" for line in chart.split("\n")]
    columns = [(x, y) for y, line in enumerate(lines) for x, c in enumerate(line) if c == mark]
    return [min(columns)[1], max(columns)[1]]


def test_a_falling_curve_falls_and_the_other_lies_where_its_losses_are() -> None:
    chart = draw_chart(row([2.0, 1.8, 1.6]), row([2.0, 1.0, 0.5, 0.1], number=7))
    own, other = height(chart, "●"), height(chart, "·")
    assert own[0] < own[1] < other[1]
    assert "· trial 7, the best probe" in chart
    assert "0.5" in chart
    assert "0.1 │" not in chart, "of the other run only the same steps are shown"


def test_where_reports_are_maximised_up_is_better_too() -> None:
    top, bottom = height(draw_chart(row([0.1, 0.5, 0.9]), None, sign=-1), "●")
    assert top < bottom  # the losses that are minimised: -0.1 above -0.9


@pytest.mark.parametrize(
    "losses", [[2.3, 1e30, math.inf, math.nan], [1.0, 1.0, 1.0], [0.0, -1.0, 5.0], [1e-9, 1e9]]
)
def test_any_losses_can_be_drawn(losses) -> None:
    chart = draw_chart(row(losses), row([2.3, 1.0, 0.5], number=1))
    assert "●" in chart
    assert len(chart.split("\n")) == 14


def test_a_diverging_run_does_not_flatten_the_other() -> None:
    chart = draw_chart(row([2.3, 2.0, 1e12]), row([2.3, 1.0, 0.3], number=1))
    assert height(chart, "·")[1] - height(chart, "·")[0] >= 6


def test_one_report_is_no_curve() -> None:
    assert draw_chart(row([1.0]), None) == ""
    assert draw_chart(row([math.nan, 1.0, math.inf]), None) == ""
