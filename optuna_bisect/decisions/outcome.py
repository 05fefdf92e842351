"""Where one search stands: over or not, and its winner with its rate, bracket and status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.bracket import Bracket
from optuna_bisect.search.effect import carried_over, has_no_effect
from optuna_bisect.search.parabola import fit_rate, is_measured_alike, lag_of
from optuna_bisect.search.proposal import propose
from optuna_bisect.verdicts.comparison import SAME_END

if TYPE_CHECKING:
    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe
    from optuna_bisect.study.history import History

CONVERGED = "converged: the rates beside the winner's are worse"
LOW_EDGE = "converged: the optimum lies at the low edge of the range or below; widen the range"
HIGH_EDGE = "converged: the optimum lies at the high edge of the range or above; widen the range"
NO_BALANCE = (
    "no probe was balanced: this is the best rate that undershoots, and the optimum lies at "
    "the edge of the range or between two probes; widen the range or lengthen the probes"
)
NARROW = "the range is narrower than a step of the search, a factor of 3: nothing else was tried"
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
        params: Values of the other parameters, which its search held still.
    """

    number: int
    lr: float
    value: float | None
    bracket: Bracket | None
    status: str
    params: dict[str, Any] = field(default_factory=dict)


class Outcome(NamedTuple):
    """Where the search stands.

    Attributes:
        is_over: Whether no more probes are needed.
        winner: The best probe so far; None if nothing can be recommended.
        horizon: Length of the winner's run in steps, 0 if unknown.
        doubt: Why the winner should not be trusted, None where nothing speaks against it.
    """

    is_over: bool
    winner: Winner | None = None
    horizon: int = 0
    doubt: str | None = None


def find_outcome(history: History) -> Outcome:
    """Say where the search stands, and which probe leads it."""
    limits = history.distribution, history.warm_start, history.final_steps, history.max_probes
    rival = None if history.rival is None else history.rival.number
    key = (*limits, history.finished.is_heeded, rival)
    known = history.finished.computed
    # Of many searches all but one are as they were.
    if key not in known:
        known[key] = _compute_outcome(history)
    outcome: Outcome = known[key]
    return outcome


def _compute_outcome(history: History) -> Outcome:
    evidence = history.evidence()
    exhausted = history.is_exhausted
    if evidence is None or not evidence.probes:
        return Outcome(is_over=history.has_final and exhausted)
    converged = propose(evidence) is None
    is_over = history.has_final and (converged or exhausted)
    best = evidence.incumbent or evidence.best_undershoot
    if best is None or not (is_over or evidence.incumbent is not None):
        return Outcome(is_over)
    horizon = evidence.horizon or _horizon_of_values(history)
    doubt = doubt_about(evidence)
    winner = Winner(
        number=best.number,
        lr=fit_rate(evidence) if evidence.incumbent else best.rate,
        value=_value_of(best, history),
        bracket=_bracket_of(evidence, best),
        status=doubt or _status_of(evidence, converged=converged, has_final=history.has_final),
    )
    return Outcome(is_over, winner, horizon, doubt)


def _horizon_of_values(history: History) -> int:
    """Return the length of probes that reported nothing: full where none heeded what it is for."""
    known = history.view.probe_steps or 0
    return known if history.finished.is_heeded else history.final_steps or known


def doubt_about(evidence: Evidence) -> str | None:
    """Say what is wrong where the probes differ by anything but their rates."""
    firsts = carried_over(evidence.probes)
    if firsts:
        first = ", ".join(f"{loss:.3g}" for loss in firsts[:3])
        return (
            "not to be trusted: each probe begins where the one before it ended (first reports "
            f"{first}), as if one model were trained on from trial to trial; build it anew in "
            "every trial"
        )
    if has_no_effect(evidence):
        rates = [p.rate for p in evidence.probes]
        return (
            f"undecided: rates from {min(rates):.3g} to {max(rates):.3g} made no difference "
            "beyond the noise; the optimizer may not get the rate, the probes may be too short, "
            "or the optimum lies beyond the edge of the range"
        )
    return None


def _value_of(probe: Probe, history: History) -> float | None:
    if probe.value is not None:
        return history.view.value_sign * probe.value
    return history.view.report_sign * probe.curve.losses[-1] if len(probe.curve) else None


def _bracket_of(evidence: Evidence, best: Probe) -> Bracket | None:
    low, high = evidence.bracket
    if evidence.incumbent is None:
        low = best.rate
    return Bracket(low, high) if 0 < low < high else None


def _status_of(evidence: Evidence, *, converged: bool, has_final: bool) -> str:
    if evidence.incumbent is None:
        return NO_BALANCE
    if evidence.grid.first == evidence.grid.last:
        return NARROW
    point = evidence.grid.nearest(evidence.incumbent.rate)
    if converged and point == evidence.grid.first:
        return LOW_EDGE
    if converged and point == evidence.grid.last:
        return HIGH_EDGE
    if not has_final:
        return OPEN_ENDED
    return (_alike(evidence) or CONVERGED) if converged else EXHAUSTED


def _alike(evidence: Evidence) -> str | None:
    """Name the rates whose probes ended as low as the winner's; None where there are none."""
    best, initial = evidence.incumbent, evidence.initial
    if best is None or initial is None or best.value is not None:
        return None
    within = SAME_END * (initial - best.compared(evidence.horizon).end)
    rates = {
        probe.rate
        for i, probes in evidence.seen.items()
        for probe in probes
        if i != evidence.grid.nearest(best.rate)
        and is_measured_alike(probe, best)
        and lag_of(probe, best, evidence) < within
    }
    if not rates:
        return None
    named = ", ".join(f"{rate:.3g}" for rate in sorted(rates))
    return f"converged: {named} ended within {SAME_END:.0%} of its progress, the rest is worse"
