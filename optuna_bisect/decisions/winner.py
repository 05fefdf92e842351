"""The result of the search: the winner, its rate, and what the final trial is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from optuna_bisect.bracket import Bracket
from optuna_bisect.search.grid import SPACING
from optuna_bisect.search.parabola import fit_rate
from optuna_bisect.search.proposal import propose
from optuna_bisect.study.history import read_history

if TYPE_CHECKING:
    from optuna.study import Study

    from optuna_bisect.search.evidence import Evidence, Probe
    from optuna_bisect.study.history import History

CONVERGED = "converged: the rates beside the winner's are worse"
LOW_EDGE = "converged: the optimum lies at the low edge of the range or below; widen the range"
HIGH_EDGE = "converged: the optimum lies at the high edge of the range or above; widen the range"
NO_BALANCE = (
    "no probe was balanced: this is the best rate that undershoots, and the optimum lies at "
    "the edge of the range or between two probes; widen the range or lengthen the probes"
)
EXHAUSTED = "max_probes were spent before the search converged; the bracket is what is known"
OPEN_ENDED = "the best so far: with no probe_steps and final_steps known, the search never ends"


@dataclass(frozen=True)
class Winner:
    """The probe that won the search.

    Attributes:
        number: Trial number of the winning probe.
        lr: Its rate, refined by a parabola through its neighbours where they ran in full.
        value: Its last report, or what it returned where nothing was reported.
        bracket: The nearest rates that lost on either side, or the ends of the range. None where
            the range is not positive.
        status: One sentence: how the search ended.
    """

    number: int
    lr: float
    value: float | None
    bracket: Bracket | None
    status: str


class Outcome(NamedTuple):
    """Where the search stands.

    Attributes:
        is_over: Whether no more probes are needed.
        winner: The best probe so far; None if nothing can be recommended.
        horizon: Length of the winner's run in steps, 0 if unknown.
    """

    is_over: bool
    winner: Winner | None = None
    horizon: int = 0


def find_winner(study: Study) -> Winner | None:
    """Find the winner of a study's search from its storage alone.

    Args:
        study: A study that was run with ``BisectionSampler``, in this process or any other.

    Returns:
        Where probe and full length are known to differ: the winner once the search is over.
        Otherwise the winner so far. None where there is none yet, or where every probe
        overshot.
    """
    history = read_history(study)
    outcome = judge(history)
    return outcome.winner if outcome.is_over or not history.has_final else None


def plan_warm_start(previous: Study, probe_steps: int | None, exponent: float) -> float:
    """Say where the search on a similar task should start.

    Args:
        previous: The earlier study.
        probe_steps: Length of the new probes, None if unknown.
        exponent: The horizon exponent.

    Returns:
        The earlier winner's rate, corrected where its run had another length.

    Raises:
        ValueError: If the earlier study has no winner.
    """
    winner = find_winner(previous)
    if winner is None:
        raise ValueError(
            f"from_study needs a study with a winner but got {previous.study_name!r}, which has "
            f"none after {len(previous.get_trials(deepcopy=False))} trials."
        )
    return correct(winner.lr, judge(read_history(previous)).horizon, probe_steps, exponent)


def judge(history: History) -> Outcome:
    """Say where the search stands, and who leads it.

    Args:
        history: What storage holds.

    Returns:
        The outcome.
    """
    evidence = history.evidence()
    exhausted = history.is_exhausted
    if evidence is None or not evidence.probes:
        return Outcome(is_over=history.has_final and exhausted)
    converged = propose(evidence) is None
    is_over = history.has_final and (converged or exhausted)
    best = evidence.incumbent or evidence.best_undershoot
    if best is None or not (is_over or evidence.incumbent is not None):
        return Outcome(is_over)
    horizon = evidence.horizon or history.probe_steps or 0
    winner = Winner(
        number=best.number,
        lr=fit_rate(evidence) if evidence.incumbent else best.rate,
        value=_value_of(best, history),
        bracket=_bracket_of(evidence, best),
        status=_status_of(evidence, converged=converged, has_final=history.has_final),
    )
    return Outcome(is_over, winner, horizon)


def _value_of(probe: Probe, history: History) -> float | None:
    if probe.value is not None:
        return history.value_sign * probe.value
    return history.report_sign * probe.curve.losses[-1] if len(probe.curve) else None


def _bracket_of(evidence: Evidence, best: Probe) -> Bracket | None:
    low, high = evidence.bracket
    if evidence.incumbent is None:
        low = best.rate
    return Bracket(low, high) if 0 < low < high else None


def _status_of(evidence: Evidence, *, converged: bool, has_final: bool) -> str:
    if evidence.incumbent is None:
        return NO_BALANCE
    point = evidence.grid.nearest(evidence.incumbent.rate)
    if converged and point == evidence.grid.first:
        return LOW_EDGE
    if converged and point == evidence.grid.last:
        return HIGH_EDGE
    if not has_final:
        return OPEN_ENDED
    return CONVERGED if converged else EXHAUSTED


def correct(rate: float, horizon: int, final_steps: int | None, exponent: float) -> float:
    """Correct a probe's rate for a longer run: short runs prefer higher rates.

    The best constant rate falls as a power of the number of steps; 0.32 is the exponent that
    Bjorck et al. (ICLR 2025, "Scaling Optimal LR Across Token Horizons") published for language
    models, and 0.29 to 0.36 is what recorded runs of small networks gave.

    Args:
        rate: Best rate of the probes.
        horizon: Steps that the winning probe really ran.
        final_steps: Steps of the full run.
        exponent: The power, 0 for no correction.

    Returns:
        ``rate * (horizon / final_steps) ** exponent``.
    """
    if final_steps is None or horizon <= 0 or rate <= 0:
        return rate
    return rate * float((horizon / final_steps) ** exponent)


class FinalPlan(NamedTuple):
    """What the final trial is given.

    Attributes:
        lr: The corrected rate, the trial's parameter.
        start_lr: Rate at which Phase 2 starts: the winner's own.
        bracket: Limits of Phase 2.
        winner: Trial number of the winner.
    """

    lr: float
    start_lr: float
    bracket: Bracket | None
    winner: int


def plan_final(history: History, exponent: float) -> FinalPlan | None:
    """Plan the final trial, lower than every final trial that diverged.

    Args:
        history: What storage holds.
        exponent: The horizon exponent.

    Returns:
        The plan. None where there is no winner, or where a final trial at the low end of the
        range has diverged already.
    """
    outcome = judge(history)
    winner, distribution = outcome.winner, history.distribution
    if not outcome.is_over or winner is None or distribution is None:
        return None
    lr = correct(winner.lr, outcome.horizon, history.final_steps, exponent)
    n_diverged = sum(final.has_diverged for final in history.past.finals)
    drop = float(SPACING**n_diverged)
    if n_diverged and lr * SPACING / drop <= distribution.low:
        return None
    start = max(winner.lr / drop, distribution.low) if n_diverged else winner.lr
    clamped = float(min(max(lr / drop, distribution.low), distribution.high))
    return FinalPlan(clamped, start, _limits(winner.bracket, start, drop), winner.number)


def _limits(bracket: Bracket | None, start: float, drop: float) -> Bracket | None:
    """Move the limits down with the start; a rate that diverged is out of bounds."""
    if bracket is None or drop == 1 or not math.isfinite(drop):
        return bracket
    return Bracket(min(bracket.low, start / SPACING), min(bracket.high, start * SPACING))
