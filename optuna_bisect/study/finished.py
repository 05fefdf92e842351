"""What the finished trials of a study say: probes for the search, and final trials."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from optuna.trial import TrialState

from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.running import founded, led_by_cut
from optuna_bisect.study.configuration import is_inside
from optuna_bisect.study.trial_kinds import is_probe, is_spent, to_final, to_probe
from optuna_bisect.trials import attributes, internals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe
    from optuna_bisect.study.trial_kinds import Final
    from optuna_bisect.trials.view import View


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
            finals.append(to_final(trial, attrs))
        elif is_probe(trial, attrs, view):
            ids.append(trial_id)
            probe = known.get(trial_id) or to_probe(trial, attrs, view, horizon)
            probes.append(probe)
            if attrs.question == "warm" and warm_start is None:
                warm_start = probe.rate
        if is_spent(trial, attrs, view):
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
