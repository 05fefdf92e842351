"""The finished part of a study, which never changes and is therefore remembered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect import _attrs
from optuna_bisect.curves import Curve
from optuna_bisect.evidence import Evidence, Probe, gather
from optuna_bisect.grid import Grid
from optuna_bisect.parallel import founded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


class Reading(NamedTuple):
    """What one finished trial says: a probe, a final trial, or neither."""

    probe: Probe | None
    final: Final | None
    is_spent: bool


@dataclass(frozen=True)
class Past:
    """What the finished trials of a study say.

    Attributes:
        n_finished: Their number, which tells whether this is still the whole past.
        probes: The probes among them, whatever sampler proposed them.
        finals: The final trials among them.
        n_probes: Number of probes that were spent on questions of the search.
        horizon: Steps from which a run counts as full, None where only complete ones do.
        readings: All of this by trial number, for the next past to build on.
    """

    n_finished: int
    probes: tuple[Probe, ...]
    finals: tuple[Final, ...]
    n_probes: int
    horizon: int | None = None
    readings: dict[int, Reading] = field(default_factory=dict, compare=False, repr=False)
    _evidence: dict[Grid, Evidence] = field(default_factory=dict, compare=False)

    @property
    def warm_start(self) -> float | None:
        """Rate of the probe that an earlier study proposed, None if there is none."""
        return next((p.rate for p in self.probes if p.question == "warm"), None)

    def evidence(self, low: float, high: float, warm_start: float | None = None) -> Evidence:
        """Judge the probes on the grid of a range, around the rate of a warm start."""
        origin = self.warm_start or warm_start
        is_inside = origin is not None and low <= origin <= high
        grid = Grid(low, high, origin=origin if is_inside else None)
        if grid not in self._evidence:
            self._evidence[grid] = gather(founded(self.probes), grid)
        return self._evidence[grid]


# Speed only: finished trials do not change, so what was computed from them may be kept, or lost.
_memo: WeakKeyDictionary[object, dict[tuple[int, View], Past]] = WeakKeyDictionary()


def recall_past(study: Study, finished: Sequence[FrozenTrial], view: View) -> Past:
    """Return the past, computed anew only when another trial has finished.

    Args:
        study: The study.
        finished: All of its finished trials.
        view: How to read them.

    Returns:
        What they say.
    """
    memo = _memo.setdefault(_attrs.storage_of(study), {})
    key = (_attrs.study_id(study), view)
    past = memo.get(key)
    if past is None or past.n_finished != len(finished):
        past = memo[key] = read_past(finished, view, past)
    return past


def read_past(finished: Sequence[FrozenTrial], view: View, earlier: Past | None = None) -> Past:
    """Compute the past from all finished trials, only the new ones where an earlier past helps."""
    horizon = view.probe_steps or _longest_horizon(finished)
    known = earlier.readings if earlier is not None and earlier.horizon == horizon else {}
    readings = {t.number: known.get(t.number) or _read_trial(t, view, horizon) for t in finished}
    return Past(
        n_finished=len(finished),
        probes=tuple(r.probe for r in readings.values() if r.probe is not None),
        finals=tuple(r.final for r in readings.values() if r.final is not None),
        n_probes=sum(r.is_spent for r in readings.values()),
        horizon=horizon,
        readings=readings,
    )


def _read_trial(trial: FrozenTrial, view: View, horizon: int | None) -> Reading:
    attrs = _attrs.read(trial)
    return Reading(
        probe=_to_probe(trial, attrs, view, horizon) if _is_probe(trial, attrs, view) else None,
        final=_to_final(trial, attrs) if attrs.role == "final" else None,
        is_spent=_is_spent(trial, attrs, view),
    )


def curve_of(trial: FrozenTrial, sign: int) -> Curve:
    """Return a trial's reports as a curve to be minimised."""
    steps = tuple(sorted(trial.intermediate_values))
    return Curve(steps, tuple(sign * float(trial.intermediate_values[s]) for s in steps))


def _longest_horizon(trials: Iterable[FrozenTrial]) -> int | None:
    """Without known lengths a run is full if it completed, or, failing any, if it is longest."""
    ended = list(trials)
    if any(t.state == TrialState.COMPLETE for t in ended):
        return None
    return max((t.last_step + 1 for t in ended if t.last_step is not None), default=None)


def _is_spent(trial: FrozenTrial, attrs: _attrs.Attrs, view: View) -> bool:
    """Tell whether the search spent a probe on a trial: what a user or idleness chose is free."""
    is_asked = attrs.role == "probe" and attrs.question != "spread"
    return is_asked and view.param_name not in _attrs.fixed_names(trial)


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
        # A worker that died after its verdict has answered.
        is_broken=trial.state == TrialState.FAIL and attrs.verdict is None,
        question=attrs.question,
        judge=attrs.judge,
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
