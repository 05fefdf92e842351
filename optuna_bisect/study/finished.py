"""What the finished trials of a study say: probes for the search, and final trials."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect._parameter import as_rate, find_rate_name, name_in
from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.probe import Probe
from optuna_bisect.search.running import founded, led_by_cut
from optuna_bisect.study import attributes, internals
from optuna_bisect.study.configuration import is_inside
from optuna_bisect.verdicts.curve import Curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.search.evidence import Evidence

# A run that its objective ended before this share of a probe is not compared with whole ones.
LEAST_LENGTH = 0.5


# A larger loss counts as infinite: differences and sums of such ones overflow.
LARGEST = 1e300


class Final(NamedTuple):
    """A final trial that has ended.

    Attributes:
        is_complete: Whether it ended with a finite value.
        has_diverged: Whether its loss or its value was not finite.
        has_failed: Whether it was in vain for a reason that a lower rate may not cure: ended by an
            exception or by another pruner, but not killed, or run to its end for no finite value.
        steps: Its length in steps, None if unknown.
        n_configurations: How many configurations its own was chosen from, None for one.
        winner: Number of the probe that it trains the configuration of.
    """

    number: int
    is_complete: bool
    has_diverged: bool
    has_failed: bool
    steps: int | None = None
    n_configurations: int | None = None
    winner: int | None = None


class View(NamedTuple):
    """How trials are read: everything that turns a trial into a probe.

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


@dataclass(frozen=True, eq=False)
class Finished:
    """What the finished trials of a study say.

    Attributes:
        horizon: Steps from which a run counts as full, None where only complete ones do.
        probes: The probes among them, whatever sampler proposed them.
        finals: The final trials among them.
        spent: How many probes were spent on questions of each search.
        is_heeded: Whether any probe reported, or asked by ``trial_plan`` how long it should run.
        warm_start: Rate of the probe that an earlier search proposed, None if there is none.
        trial_ids: What tells the trials of ``probes`` apart, where numbers may repeat.
        attrs: Attributes by the same, of all trials but those that run and count as finished.
        computed: What was computed from the probes, for speed only.
        parts: What single searches may learn from, for speed only.
        earlier_parts: The same at an earlier reading.
    """

    horizon: int | None = None
    probes: tuple[Probe, ...] = ()
    finals: tuple[Final, ...] = ()
    spent: Mapping[int | None, int] = field(default_factory=dict)
    warm_start: float | None = None
    is_heeded: bool = False
    trial_ids: tuple[int, ...] = ()
    attrs: dict[int, attributes.Attrs] = field(default_factory=dict)
    computed: dict[Any, Any] = field(default_factory=dict)
    parts: dict[tuple[int | None, str], Finished] = field(default_factory=dict)
    earlier_parts: dict[tuple[int | None, str], Finished] = field(default_factory=dict)

    @property
    def n_probes(self) -> int:
        """Number of probes that were spent on questions of the search."""
        return sum(self.spent.values())

    def of(self, search: int | None, held: Mapping[str, Any]) -> Finished:
        """Return the part that a search may learn from: the probes with the values it holds."""
        key = (search, repr(sorted(held.items())))
        if key not in self.parts:
            probes = tuple(p for p in self.probes if is_inside(p, search, held))
            warm = next((p.rate for p in probes if p.question == "warm"), None)
            spent = {name: n for name, n in self.spent.items() if name in (search, None)}
            old = self.earlier_parts.get(key)
            is_old = old and old.spent == spent and _are_same(old.probes, probes)
            computed = old.computed if old and is_old else {}
            self.parts[key] = replace(
                self,
                probes=probes,
                spent=spent,
                warm_start=warm,
                computed=computed,
                parts={},
                earlier_parts={},
            )
        return self.parts[key]

    def evidence(
        self,
        low: float,
        high: float,
        warm_start: float | None = None,
        *,
        rival: Probe | None = None,
    ) -> Evidence:
        """Judge the probes on the grid of a range, around the rate of a warm start inside it.

        Where a ``rival`` from another search leads, they are compared as far as they ran.
        """
        origin = self.warm_start or warm_start
        is_inside = origin is not None and low <= origin <= high
        grid = Grid(low, high, origin if is_inside else None)
        key = (grid, None if rival is None else rival.number)
        if key not in self.computed:
            evidence = assess(founded(self.probes), grid)
            self.computed[key] = evidence if rival is None else led_by_cut(evidence, rival)
        found: Evidence = self.computed[key]
        return found


def _are_same(a: Sequence[Probe], b: Sequence[Probe]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b))


def read_finished(
    trials: Sequence[FrozenTrial],
    view: View,
    *,
    judged: Sequence[FrozenTrial] = (),
    earlier: Finished | None = None,
) -> Finished:
    """Read finished and running ``judged`` trials; what ``earlier`` has is not read again."""
    horizon = _find_horizon(trials, view)
    is_known = earlier is not None and earlier.horizon == horizon
    known = dict(zip(earlier.trial_ids, earlier.probes)) if earlier and is_known else {}
    attrs_of = _read_attributes(trials, earlier)
    ids: list[int] = []
    probes, finals, warm_start, is_heeded = [], [], None, False
    spent: dict[int | None, int] = {}
    for trial in (*trials, *judged):
        trial_id = internals.trial_id(trial)
        attrs = attrs_of.get(trial_id) or attributes.read(trial)
        if attrs.role == "final":
            finals.append(_to_final(trial, attrs))
        elif _is_probe(trial, attrs, view):
            ids.append(trial_id)
            probe = known.get(trial_id) or _to_probe(trial, attrs, view, horizon)
            probes.append(probe)
            if attrs.question == "warm" and warm_start is None:
                warm_start = probe.rate
        if _is_spent(trial, attrs, view):
            spent[attrs.search] = spent.get(attrs.search, 0) + 1
        is_heeded |= attrs.role == "probe" and bool(attrs.asked or trial.intermediate_values)
    found = tuple(probes), tuple(finals), spent, warm_start, is_heeded, tuple(ids)
    parts = earlier.parts if earlier and is_known else {}
    return Finished(horizon, *found, attrs_of, earlier_parts=parts)


def _read_attributes(
    trials: Sequence[FrozenTrial], earlier: Finished | None
) -> dict[int, attributes.Attrs]:
    """Read the attributes of finished trials, which do not change any more, by trial."""
    known = earlier.attrs if earlier else {}
    ids = map(internals.trial_id, trials)
    return {i: known.get(i) or attributes.read(trial) for i, trial in zip(ids, trials)}


# Finished trials do not change. For speed only: a new process reads the same from storage.
_memo: WeakKeyDictionary[object, dict[tuple[int, View], Finished]] = WeakKeyDictionary()


def recall_finished(study: Study, trials: Sequence[FrozenTrial], view: View) -> Finished:
    """Read the finished trials of a study, anew only where their number has changed."""
    memo = _memo.setdefault(internals.storage_of(study), {})
    key = (internals.study_id(study), view)
    known = memo.get(key)
    # Where rows were deleted a trial may have taken the place of another one.
    last = internals.trial_id(trials[-1]) if trials else None
    if known and (len(known.attrs), next(reversed(known.attrs), None)) == (len(trials), last):
        return known
    # Fewer than before: another study has taken the place of a deleted one.
    earlier = known if known and len(known.attrs) <= len(trials) else None
    memo[key] = read_finished(trials, view, earlier=earlier)
    return memo[key]


def reports_of(trial: FrozenTrial) -> list[tuple[int, float]]:
    """Return steps and reported values in the order of time, the steps counted up from near 0."""
    first = attributes.read(trial).first_step or 0
    # A copy, taken at once: in memory another thread may be reporting at this moment.
    reports = list(trial.intermediate_values.items())
    return sorted((abs(s - first), _bounded(v)) for s, v in reports)


def _bounded(value: float) -> float:
    """Take a value for infinite where sums of such values may be."""
    return math.copysign(math.inf, value) if abs(value) > LARGEST else float(value)


def curve_of(trial: FrozenTrial, sign: int) -> Curve:
    """Return a trial's reports as a curve to be minimised."""
    reports = reports_of(trial)
    return Curve(tuple(s for s, _ in reports), tuple(sign * v for _, v in reports))


def rate_of(trial: FrozenTrial, view: View) -> float | None:
    """Return a trial's learning rate, by its own names where no other trial has one yet."""
    name = view.param_name or find_rate_name([trial.distributions])
    return as_rate(trial.params.get(name_in(trial.params, name) or ""))


def others_of(trial: FrozenTrial, view: View) -> dict[str, Any]:
    """Return a trial's parameters without the rate."""
    # A copy, taken at once: in memory another thread may be suggesting at this moment.
    params = dict(trial.params)
    rate = name_in(params, view.param_name)
    return {name: value for name, value in params.items() if name != rate}


def _find_horizon(trials: Sequence[FrozenTrial], view: View) -> int | None:
    """Return the steps from which a run counts as full, None where only complete ones do.

    Where the length of a probe is unknown, the complete runs are full, or, failing any, the
    longest.
    """
    if view.probe_steps is not None:
        return view.probe_steps
    if any(t.state == TrialState.COMPLETE for t in trials):
        return None
    return max(
        (max(t.intermediate_values) + 1 for t in trials if t.intermediate_values), default=None
    )


def _is_spent(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> bool:
    """Tell whether the search spent a probe on a trial: what a user or idleness chose is free."""
    is_asked = attrs.role == "probe" and attrs.question != "spread"
    if _is_lost(trial, attrs):
        return False
    return is_asked and name_in(internals.fixed_params(trial), view.param_name) is None


def _is_probe(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> bool:
    if attrs.role == "surplus" or _is_lost(trial, attrs):
        return False
    name = name_in(trial.distributions, view.param_name)
    return isinstance(trial.distributions.get(name or ""), FloatDistribution)


def _is_lost(trial: FrozenTrial, attrs: attributes.Attrs) -> bool:
    """Tell whether a probe's worker died, was interrupted or lost its storage: ask it again."""
    if attrs.role != "probe" or trial.state != TrialState.FAIL or attrs.verdict is not None:
        return False
    return attrs.reason is None and all(map(math.isfinite, trial.intermediate_values.values()))


def _to_probe(
    trial: FrozenTrial, attrs: attributes.Attrs, view: View, horizon: int | None
) -> Probe:
    curve = curve_of(trial, view.report_sign)
    returned = trial.value if trial.state == TrialState.COMPLETE else None
    value = None if returned is None else view.value_sign * _bounded(returned)
    by_value = view.probe_steps is None or not len(curve) or not math.isfinite(value or 0.0)
    reached = horizon is not None and curve.horizon >= horizon
    return Probe(
        number=trial.number,
        rate=float(trial.params[name_in(trial.params, view.param_name) or ""]),
        curve=curve,
        value=value if by_value else None,
        is_full=returned is not None or reached,
        is_short=horizon is not None and curve.horizon < LEAST_LENGTH * horizon,
        # A worker that died after its verdict has answered.
        is_broken=trial.state == TrialState.FAIL and attrs.verdict is None,
        question=attrs.question,
        judge=attrs.judge,
        search=attrs.search,
        others=others_of(trial, view),
    )


def _to_final(trial: FrozenTrial, attrs: attributes.Attrs) -> Final:
    values = [*trial.intermediate_values.values(), *(trial.values or [])]
    diverged = attrs.verdict == "overshoot" or not all(math.isfinite(v) for v in values)
    complete = trial.state == TrialState.COMPLETE and not diverged
    # A killed trial has no reason: the sampler's hook never ran for it.
    ended = not complete and not diverged and attrs.reason is not None
    is_wasted = diverged and trial.state == TrialState.COMPLETE
    chosen_from = attrs.n_configurations, attrs.winner
    steps = attrs.final_steps
    return Final(trial.number, complete, diverged, ended or is_wasted, steps, *chosen_from)
