"""The finished part of a study, which never changes and is therefore remembered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect import _attrs
from optuna_bisect.curves import Curve
from optuna_bisect.evidence import Evidence, Probe
from optuna_bisect.gather import extend, gather
from optuna_bisect.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Final(NamedTuple):
    """A final trial that has ended.

    Attributes:
        number: Trial number.
        is_complete: Whether it ended with a finite value.
        has_diverged: Whether its loss or its value was not finite.
        has_failed: Whether it was ended by an exception or by another pruner, but not killed.
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
        n_finished: Their number, which tells whether this is still the whole past.
        probes: The probes among them, whatever sampler proposed them.
        finals: The final trials among them.
        n_probes: Number of probes that were spent on the search.
        warm_start: Rate of the probe that an earlier study proposed, None if there is none.
        has_complete: Whether any trial was completed.
        longest: Steps of the longest run.
        judged: Evidence by grid, with the number of probes in it; for speed only.
    """

    judged: dict[Grid, tuple[int, Evidence]]
    n_finished: int = 0
    probes: tuple[Probe, ...] = ()
    finals: tuple[Final, ...] = ()
    n_probes: int = 0
    warm_start: float | None = None
    has_complete: bool = False
    longest: int | None = None

    def horizon(self, view: View) -> int | None:
        """Return the steps from which a run counts as full, None where only complete ones do."""
        return _horizon(view, self.has_complete, self.longest)

    def evidence(self, low: float, high: float, warm_start: float | None = None) -> Evidence:
        """Judge the probes on the grid of a range, around the rate of a warm start."""
        origin = self.warm_start or warm_start
        is_inside = origin is not None and low <= origin <= high
        grid = Grid(low, high, origin=origin if is_inside else None)
        n_judged, evidence = self.judged.get(grid, (0, None))
        if evidence is None or n_judged > len(self.probes):
            evidence = gather(self.probes, grid)
        else:
            for probe in self.probes[n_judged:]:
                evidence = extend(evidence, probe)
        self.judged[grid] = (len(self.probes), evidence)
        return evidence

    def extended(self, trials: Sequence[FrozenTrial], view: View) -> Past:
        """Return the past with more finished trials; what counts as full must stay the same."""
        complete, longest = self.has_complete, self.longest
        for trial in trials:
            complete = complete or trial.state == TrialState.COMPLETE
            if trial.intermediate_values:
                longest = max(longest or 0, max(trial.intermediate_values) + 1)
        horizon = _horizon(view, complete, longest)
        pairs = [(t, _attrs.read(t)) for t in trials]
        probes = [_to_probe(t, a, view, horizon) for t, a in pairs if _is_probe(t, a, view)]
        finals = [_to_final(t, a) for t, a in pairs if a.role == "final"]
        warm = [p.rate for p in probes if p.question == "warm"]
        return Past(
            self.judged,
            self.n_finished + len(trials),
            self.probes + tuple(probes),
            self.finals + tuple(finals),
            self.n_probes + sum(_is_spent(t, a, view) for t, a in pairs),
            self.warm_start or (warm[0] if warm else None),
            complete,
            longest,
        )


def _horizon(view: View, has_complete: bool, longest: int | None) -> int | None:
    """Return the steps from which a run counts as full, None where only complete ones do.

    Without known lengths a run is full if it completed, or, failing any, if it is longest.
    """
    return view.probe_steps or (None if has_complete else longest)


# Speed only: finished trials do not change, so what was computed from them may be kept, or lost.
_memo: WeakKeyDictionary[object, dict[tuple[int, View], Past]] = WeakKeyDictionary()


def recall_past(
    study: Study, trials: Sequence[FrozenTrial], finished: Sequence[int], view: View
) -> Past:
    """Return the past, with what has finished since it was last asked for.

    Args:
        study: The study.
        trials: All of its trials, by number.
        finished: Numbers of the finished ones, those that were known before first.
        view: How to read them.

    Returns:
        What they say.
    """
    memo = _memo.setdefault(_attrs.storage_of(study), {})
    key = (_attrs.study_id(study), view)
    past = memo.get(key)
    if past is None or past.n_finished != len(finished):
        past = memo[key] = _read_on(past or Past({}), trials, finished, view)
    return past


def _read_on(
    past: Past, trials: Sequence[FrozenTrial], finished: Sequence[int], view: View
) -> Past:
    new = finished[past.n_finished :]
    if past.n_finished <= len(finished):
        longer = past.extended([trials[n] for n in new], view)
        if past.n_finished == 0 or longer.horizon(view) == past.horizon(view):
            return longer
    return Past({}).extended([trials[n] for n in finished], view)


def curve_of(trial: FrozenTrial, sign: int) -> Curve:
    """Return a trial's reports as a curve to be minimised."""
    steps = tuple(sorted(trial.intermediate_values))
    return Curve(steps, tuple(sign * float(trial.intermediate_values[s]) for s in steps))


def _is_spent(trial: FrozenTrial, attrs: _attrs.Attrs, view: View) -> bool:
    """Tell whether the search spent a probe on a trial: a rate that a user chose is free."""
    return attrs.role == "probe" and view.param_name not in _attrs.fixed_names(trial)


def _is_probe(trial: FrozenTrial, attrs: _attrs.Attrs, view: View) -> bool:
    if attrs.role in ("final", "surplus"):
        return False
    return isinstance(trial.distributions.get(view.param_name or ""), FloatDistribution)


def _to_probe(trial: FrozenTrial, attrs: _attrs.Attrs, view: View, horizon: int | None) -> Probe:
    curve = curve_of(trial, view.report_sign)
    complete = trial.state == TrialState.COMPLETE and trial.value is not None
    value = view.value_sign * trial.value if complete and trial.value is not None else None
    by_value = view.probe_steps is None or not len(curve) or not _is_finite(value)
    reached = horizon is not None and curve.horizon >= horizon
    return Probe(
        number=trial.number,
        rate=trial.params[view.param_name or ""],
        curve=curve,
        value=value if by_value else None,
        is_full=complete or reached,
        is_broken=trial.state == TrialState.FAIL,
        question=attrs.question,
    )


def _is_finite(value: float | None) -> bool:
    return value is None or math.isfinite(value)


def _to_final(trial: FrozenTrial, attrs: _attrs.Attrs) -> Final:
    values = [*trial.intermediate_values.values(), *(trial.values or [])]
    diverged = attrs.verdict == "overshoot" or not all(math.isfinite(v) for v in values)
    complete = trial.state == TrialState.COMPLETE and not diverged
    # A killed trial has no reason: the sampler's hook never ran for it.
    ended = not complete and not diverged and attrs.reason is not None
    return Final(trial.number, complete, diverged, ended)
