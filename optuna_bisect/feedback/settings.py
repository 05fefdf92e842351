"""How the feedback reads the losses: what a user may choose about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from optuna_bisect._checks import (
    check_at_least,
    check_inside,
    check_not_negative,
    check_positive,
    make_plain,
)
from optuna_bisect.feedback.trend_tests import MIN_WINDOW


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the feedback reads the losses; all lengths are counts of intervals.

    Args:
        feedback: Whether losses move the rate at all. A collapse always does.
        factor: What an overshoot, a stall or a collapse multiplies the rate by, in (0, 1).
        growth_factor: What an undershoot multiplies the rate by, in (1, 2].
        window: Number of intervals that a test looks at, at least 4.
        significance: Chance of a false alarm of one overshoot test, in (0, 0.5).
        threshold: Elasticity of the progress (1 straight, 0 flat) above which the descent is
            too straight for so late in the run, which means undershoot. Above 0. ``BisectionLR``
            asks for 0.2 after a race, which knows the rate only to a factor of three.
        patience: Undershoots in a row before the rate goes up, at least 1.
        cooldown: Intervals after a move in which nothing is judged, at least 0.
        max_moves: Moves within ten windows after which the feedback ends, at least 1.
        baseline: Training loss above which a loss that does not fall means undershoot, once
            the probe's horizon is over. None: only the run's own initial level counts.

    Raises:
        ValueError: If a value is outside its range.
    """

    feedback: bool = True
    factor: float = 1 / 3
    growth_factor: float = 1.5
    window: int = 8
    significance: float = 0.002
    threshold: float = 0.5
    patience: int = 2
    cooldown: int = 2
    max_moves: int = 12
    baseline: float | None = None

    def __post_init__(self) -> None:
        """Reject values outside their range."""
        check_inside("factor", self.factor, 0, 1)
        check_inside("growth_factor", self.growth_factor, 1, 2, closed=True)
        check_at_least("window", self.window, MIN_WINDOW, whole=True)
        check_inside("significance", self.significance, 0, 0.5)
        check_positive("threshold", self.threshold)
        check_positive("patience", self.patience, whole=True)
        check_not_negative("cooldown", self.cooldown)
        check_positive("max_moves", self.max_moves, whole=True)
        make_plain(self)


class FeedbackOptions(TypedDict, total=False):
    """The fields of ``Settings`` as keyword arguments that type checkers and editors see."""

    feedback: bool
    factor: float
    growth_factor: float
    window: int
    significance: float
    threshold: float
    patience: int
    cooldown: int
    max_moves: int
    baseline: float | None
