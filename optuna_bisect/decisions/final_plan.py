"""What the final trial is given: its rate, and the limits of Phase 2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from optuna_bisect.bracket import Bracket
from optuna_bisect.search.grid import SPACING
from optuna_bisect.search.horizon import correct, exponent_for

if TYPE_CHECKING:
    from optuna_bisect.decisions.outcome import Outcome
    from optuna_bisect.study.history import History


class FinalPlan(NamedTuple):
    """What the final trial is given.

    Attributes:
        lr: The corrected rate, the trial's parameter.
        start_lr: Rate at which Phase 2 starts: the winner's own.
        bracket: Limits of Phase 2.
        winner: Trial number of the winner.
        exponent: Power of the length by which its rate was corrected.
        doubt: What the user should know before the full run, None where there is nothing.
    """

    lr: float
    start_lr: float
    bracket: Bracket | None
    winner: int
    exponent: float
    doubt: str | None = None


def plan_final(history: History, outcome: Outcome, exponent: float) -> FinalPlan | None:
    """Plan the final trial, lower than every final trial that diverged.

    Args:
        history: What storage holds.
        outcome: Where the search stands.
        exponent: The horizon exponent for a constant rate and curves without a drift.

    Returns:
        The plan. None where there is no winner, or where a final trial at the low end of the
        range has diverged already.
    """
    winner, distribution = outcome.winner, history.distribution
    if not outcome.is_over or winner is None or distribution is None:
        return None
    evidence = history.evidence()
    if evidence is not None:
        exponent = exponent_for(evidence, exponent, history.cool_down)
    lr = correct(winner.lr, outcome.horizon, history.final_steps, exponent)
    n_diverged = sum(final.has_diverged for final in history.finished.finals)
    drop = float(SPACING**n_diverged)
    last_lr = lr * SPACING / drop
    if n_diverged and last_lr <= distribution.low:
        return None
    start = max(winner.lr / drop, distribution.low) if n_diverged else winner.lr
    clamped = float(min(max(lr / drop, distribution.low), distribution.high))
    bracket = _limits(winner.bracket, start, drop)
    return FinalPlan(clamped, start, bracket, winner.number, exponent, outcome.doubt)


def _limits(bracket: Bracket | None, start: float, drop: float) -> Bracket | None:
    """Move the limits down with the start; a rate that diverged is out of bounds."""
    if bracket is None or drop == 1 or not math.isfinite(drop):
        return bracket
    return Bracket(min(bracket.low, start / SPACING), min(bracket.high, start * SPACING))
