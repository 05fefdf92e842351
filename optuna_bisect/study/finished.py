"""The finished part of a study, which never changes and is therefore remembered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect.search.assessment import extend, gather
from optuna_bisect.search.evidence import Evidence, Probe
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.running import founded
from optuna_bisect.study import attributes
from optuna_bisect.verdicts.curve import Curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial


class Final(NamedTuple):
    """A final trial that has ended.

    Attributes:
        number: Trial number.
        is_complete: Whether it ended with a finite value.
        has_diverged: Whether its loss or its value was not finite.
        has_failed: Whether it was in vain for a reason that a lower rate may not cure: ended by an
            exception or by another pruner, but not killed, or run to its end for no finite value.
    """

    number: int
    is_complete: bool
    has_diverged: bool
    has_failed: bool


class View(NamedTuple):
    """How trials are read.

    Attributes:
        param_name: Name of the rate, None while no trial has one.
        probe_steps: Length of a probe, None if unknown.
        report_sign: 1 where reports are to be minimised, -1 where maximised.
        value_sign: The same for returned values.
    """

    param_name: str | None
    probe_steps: int | None
    report_sign: int
    value_sign: int


class Past(NamedTuple):
    """What the finished trials of a study say.

    Attributes:
        memo: Evidence by range and point 0, with the number of probes in it; for speed only.
        probes: The probes among them, whatever sampler proposed them.
        finals: The final trials among them.
        n_probes: Number of probes that were spent on questions of the search.
        warm_start: Rate of the probe that an earlier study proposed, None if there is none.
        has_complete: Whether any trial was completed.
        longest: Steps of the longest run.
        has_judges: Whether any probe was cut against one that still ran.
    """

    memo: dict[tuple[float, float, float | None], tuple[int, Evidence]]
    probes: tuple[Probe, ...] = ()
    finals: tuple[Final, ...] = ()
    n_probes: int = 0
    warm_start: float | None = None
    has_complete: bool = False
    longest: int | None = None
    has_judges: bool = False

    def evidence(self, low: float, high: float, warm_start: float | None = None) -> Evidence:
        """Judge the probes on the grid of a range, around the rate of a warm start."""
        origin = self.warm_start or warm_start
        is_inside = origin is not None and low <= origin <= high
        key = (low, high, origin if is_inside else None)
        n_judged, evidence = self.memo.get(key, (0, None))
        if evidence is None or n_judged > len(self.probes):
            evidence = gather(founded(self.probes), Grid(*key))
        elif self.has_judges and n_judged < len(self.probes):
            evidence = gather(founded(self.probes), evidence.grid)
        else:
            for n in range(n_judged, len(self.probes)):
                evidence = extend(evidence, self.probes[: n + 1])
        self.memo[key] = (len(self.probes), evidence)
        return evidence


def read_past(finished: Sequence[FrozenTrial], view: View) -> Past:
    """Read all finished trials.

    Args:
        finished: The trials.
        view: How to read them.

    Returns:
        What they say.
    """
    complete, longest = _find_longest(finished)
    return _read(Past({}, has_complete=complete, longest=longest), finished, view)


def read_on(past: Past, trials: Sequence[FrozenTrial], view: View) -> Past | None:
    """Read the trials that have finished since.

    Args:
        past: What the others say.
        trials: The new ones.
        view: How to read them.

    Returns:
        What all of them say; None where the new ones change which runs count as full.
    """
    complete, longest = _find_longest(trials)
    complete, longest = complete or past.has_complete, max(longest or 0, past.longest or 0) or None
    if _horizon(view, complete, longest) != _horizon(view, past.has_complete, past.longest):
        return None
    return _read(past._replace(has_complete=complete, longest=longest), trials, view)


def _find_longest(trials: Sequence[FrozenTrial]) -> tuple[bool, int | None]:
    """Tell whether any trial was completed, and how many steps the longest ran."""
    ends = [max(t.intermediate_values) + 1 for t in trials if t.intermediate_values]
    return any(t.state == TrialState.COMPLETE for t in trials), max(ends, default=None)


def _horizon(view: View, has_complete: bool, longest: int | None) -> int | None:
    """Return the steps from which a run counts as full, None where only complete ones do.

    Without known lengths a run is full if it completed, or, failing any, if it is longest.
    """
    return view.probe_steps or (None if has_complete else longest)


def _read(past: Past, trials: Sequence[FrozenTrial], view: View) -> Past:
    horizon = _horizon(view, past.has_complete, past.longest)
    probes, finals, n_probes, warm_start = [], [], past.n_probes, past.warm_start
    for trial in trials:
        attrs = attributes.read(trial)
        if attrs.role == "final":
            finals.append(_to_final(trial, attrs))
        elif _is_probe(trial, attrs, view):
            probes.append(_to_probe(trial, attrs, view, horizon))
            if attrs.question == "warm" and warm_start is None:
                warm_start = probes[-1].rate
        n_probes += _is_spent(trial, attrs, view)
    return past._replace(
        # A copy: another thread may build upon the same past from another reading.
        memo=dict(past.memo),
        probes=past.probes + tuple(probes),
        finals=past.finals + tuple(finals),
        n_probes=n_probes,
        warm_start=warm_start,
        has_judges=past.has_judges or any(p.judge is not None for p in probes),
    )


def read_early(past: Past, judged: Sequence[FrozenTrial], view: View) -> Past:
    """Read running trials that have their verdict as if they had ended.

    Args:
        past: What the finished trials say.
        judged: The running ones.
        view: How to read them.

    Returns:
        What all of them say, not to be built upon: the trials may end otherwise.
    """
    return _read(past, judged, view)


def curve_of(trial: FrozenTrial, sign: int) -> Curve:
    """Return a trial's reports as a curve to be minimised."""
    steps = tuple(sorted(trial.intermediate_values))
    return Curve(steps, tuple(sign * float(trial.intermediate_values[s]) for s in steps))


def _is_spent(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> bool:
    """Tell whether the search spent a probe on a trial: what a user or idleness chose is free."""
    is_asked = attrs.role == "probe" and attrs.question != "spread"
    return is_asked and view.param_name not in attributes.fixed_params(trial)


def _is_probe(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> bool:
    if attrs.role == "surplus":
        return False
    return isinstance(trial.distributions.get(view.param_name or ""), FloatDistribution)


def _to_probe(
    trial: FrozenTrial, attrs: attributes.Attrs, view: View, horizon: int | None
) -> Probe:
    curve = curve_of(trial, view.report_sign)
    returned = trial.value if trial.state == TrialState.COMPLETE else None
    complete, value = returned is not None, None
    if returned is not None:
        value = view.value_sign * returned
    by_value = view.probe_steps is None or not len(curve) or not _is_finite(value)
    reached = horizon is not None and curve.horizon >= horizon
    return Probe(
        number=trial.number,
        rate=trial.params[view.param_name or ""],
        curve=curve,
        value=value if by_value else None,
        is_full=complete or reached,
        # A worker that died after its verdict has answered.
        is_broken=trial.state == TrialState.FAIL and attrs.verdict is None,
        question=attrs.question,
        judge=attrs.judge,
    )


def _is_finite(value: float | None) -> bool:
    return value is None or math.isfinite(value)


def _to_final(trial: FrozenTrial, attrs: attributes.Attrs) -> Final:
    values = [*trial.intermediate_values.values(), *(trial.values or [])]
    diverged = attrs.verdict == "overshoot" or not all(math.isfinite(v) for v in values)
    complete = trial.state == TrialState.COMPLETE and not diverged
    # A killed trial has no reason: the sampler's hook never ran for it.
    ended = not complete and not diverged and attrs.reason is not None
    is_wasted = diverged and trial.state == TrialState.COMPLETE
    return Final(trial.number, complete, diverged, ended or is_wasted)
