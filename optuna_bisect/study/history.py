"""The history of a study: the observations that everything else is computed from."""

from __future__ import annotations

import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ReferenceType, ref

from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from optuna_bisect.search.probe import Probe
from optuna_bisect.search.running import led_by_cut
from optuna_bisect.study import attributes, internals, liveness
from optuna_bisect.study.configuration import find_searches, held_by, is_inside
from optuna_bisect.study.finished import (
    View,
    curve_of,
    others_of,
    read_finished,
    recall_finished,
)
from optuna_bisect.study.parameter import as_rate, find_rate_name, name_in
from optuna_bisect.study.settings import Settings, check_single_objective

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.study.finished import Finished
    from optuna_bisect.verdicts.curve import Curve

# Share of a running trial's time that may go into reading what the others found.
MAX_READING_SHARE = 0.01
# Seconds between two readings at least: what others found in less can wait.
LEAST_READING_GAP = 0.1
# Probes of idle workers do not count as spent, up to this many times what the user allows.
IDLE_FACTOR = 3


class Running(NamedTuple):
    """A trial that has not finished and is believed to live.

    Attributes:
        role: None while it has none, or where another sampler made it.
        rate: None while it has none.
        is_local: Whether another thread of this process runs it.
        age: Seconds since it was started, by this machine's clock; 0 where unknown.
        curve: What a probe has reported so far; None for any other trial.
        question: Why a probe was proposed.
        is_doubtful: Whether by the clock it would count as dead, which only waiting will tell.
        search: Number of the trial that began its search.
        others: Values of the parameters that are not the rate.
    """

    number: int
    role: str | None
    rate: float | None
    is_local: bool
    age: float = 0.0
    curve: Curve | None = None
    question: str | None = None
    is_doubtful: bool = False
    search: int | None = None
    others: Mapping[str, Any] = MappingProxyType({})


class History(NamedTuple):
    """Everything that a decision may depend on, read from storage in one pass.

    Attributes:
        view: How trials were read: the rate's name, the length of a probe, the directions.
        finished: What the finished trials say, with those that have their verdict already.
        running: Live running trials by number.
        distribution: Range of the rate in the latest trial that has it.
        final_steps: Length of the full run, None if unknown.
        max_probes: Number of probes after which the search ends in any case.
        cool_down: Share of the full run in which its rate decays, None if unknown.
        warm_start: Rate at which an earlier study says to start.
        rate_name: The parameter that looks like the rate, whatever the settings say.
        recorded_param: The parameter that trials have recorded as the rate.
        n_configurations: How many configurations a rate is searched for.
        group_by: Names of the parameters whose values want rates of their own, None if unknown.
        space: Latest distribution of every parameter that is not the rate.
        rival: The best probe of another configuration, where that one leads: probes were cut for
            falling behind it, and still have to be compared with each other.
    """

    view: View
    finished: Finished
    running: tuple[Running, ...]
    distribution: FloatDistribution | None
    final_steps: int | None
    max_probes: int | None
    cool_down: float | None = None
    warm_start: float | None = None
    rate_name: str | None = None
    recorded_param: str | None = None
    n_configurations: int = 1
    group_by: Sequence[str] | None = None
    space: Mapping[str, BaseDistribution] = MappingProxyType({})
    rival: Probe | None = None

    @property
    def has_final(self) -> bool:
        """Whether the study ends in a final trial: where both lengths are known and differ."""
        steps = self.view.probe_steps
        return steps is not None and self.final_steps is not None and steps < self.final_steps

    @property
    def done_by(self) -> int | None:
        """The final trial that ends the study; one of a shorter length than is asked for does not.

        So a finished study that is resumed with a longer ``final_steps`` runs one more.
        """
        least = self.final_steps or 0
        finals = [f for f in self.finished.finals if f.is_complete]
        return next((f.number for f in finals if f.steps is None or f.steps >= least), None)

    @property
    def is_exhausted(self) -> bool:
        """Whether as many probes were spent as the user allows."""
        if self.max_probes is None:
            return False
        return self.finished.n_probes >= self.max_probes or self.is_overrun

    @property
    def is_overrun(self) -> bool:
        """Whether ``IDLE_FACTOR * max_probes`` were spent, probes of idle workers included."""
        if self.max_probes is None:
            return False
        n_idle = sum(p.question == "spread" for p in self.finished.probes)
        return self.finished.n_probes + n_idle >= IDLE_FACTOR * self.max_probes

    @property
    def members(self) -> list[Probe | Running]:
        """Every probe, finished or running."""
        return [*self.finished.probes, *(r for r in self.running if r.role == "probe")]

    @property
    def searches(self) -> tuple[int, ...]:
        """Numbers of the searches that were begun with values that are still possible."""
        members = self.members
        found = find_searches(members)
        if not self.space:
            return found
        return tuple(s for s in found if self._is_possible(held_by(members, s)))

    def _is_possible(self, held: Mapping[str, Any]) -> bool:
        space = self.space
        return all(
            internals.is_value_of(space[name], v) for name, v in held.items() if name in space
        )

    def held(self, search: int | None) -> dict[str, Any]:
        """Return the values that a search holds."""
        return held_by(self.members, search)

    def of(self, search: int | None) -> History:
        """Return what a search may learn from: what ran with the values that it holds."""
        if search is None:
            return self
        members = self.members
        if len({m.search for m in members}) < 2 and not any(m.others for m in members):
            return self
        held = held_by(members, search)
        running = (r for r in self.running if r.role != "probe" or is_inside(r, search, held))
        return self._replace(finished=self.finished.of(search, held), running=tuple(running))

    def evidence(self) -> Evidence | None:
        """Judge the probes on the grid of the latest range; None while no trial has one."""
        if self.distribution is None:
            return None
        return self.evidence_in(self.distribution.low, self.distribution.high)

    def evidence_in(self, low: float, high: float) -> Evidence:
        """Judge the probes on the grid of a range."""
        evidence = self.finished.evidence(low, high, self.warm_start)
        return evidence if self.rival is None else led_by_cut(evidence, self.rival)

    def running_probes(self, least_horizon: float = 0) -> list[Probe]:
        """Return the probes that still run and have reported, from ``least_horizon`` steps on."""
        return [
            Probe(r.number, r.rate, r.curve, is_full=False, question=r.question)
            for r in self.running
            if r.rate is not None and r.curve is not None and r.curve.horizon >= least_horizon
        ]


def read_history(
    study: Study, settings: Settings | None = None, *, exclude: int | None = None
) -> History:
    """Read a study; ``exclude`` is the number of the running trial that is being decided on.

    What ``settings`` leave open is taken from the trials. All trials are read, also where
    Hyperband hands out a part of the study. A study with several objectives is refused by a
    ValueError.
    """
    direction = check_single_objective(study)
    attributes.forget_ignored()
    known = settings or Settings()
    threads = liveness.live_threads() if internals.in_optimize(study) else None
    trials = internals.all_trials(study)
    # A finished trial may have the same number where rows were deleted.
    others = [t for t in trials if t.number != exclude or t.state.is_finished()]
    recorded, param = attributes.recorded_settings(others), attributes.latest(others, "param")
    rate_name = find_rate_name(t.distributions for t in others)
    view = View(
        known.param_name or param or rate_name,
        known.probe_steps or recorded.get("probe_steps"),
        *_signs(direction, known.report_direction or recorded.get("report_direction")),
    )
    finished = [t for t in trials if t.state.is_finished()]
    # A database is not read at one moment: a verdict may be there and its rate still missing.
    name = view.param_name
    judged = {t.number: t for t in others if name in t.params and attributes.is_judged(t)}
    past = recall_finished(study, finished, view)
    if judged:
        # A verdict counts from the moment that it is written, also where its worker died then.
        past = read_finished(finished, view, judged=tuple(judged.values()), earlier=past)
    history = History(
        view=view,
        finished=past,
        running=tuple(
            _to_running(t, view, known.stale_after)
            for t in others
            if t.state == TrialState.RUNNING and t.number not in judged
            if not liveness.is_dead(t, known.stale_after, threads)
        ),
        distribution=_latest_range(others, view.param_name),
        final_steps=known.final_steps or recorded.get("final_steps"),
        max_probes=known.max_probes or recorded.get("max_probes"),
        cool_down=_cool_down_of(known, others),
        warm_start=known.warm_start,
        rate_name=rate_name,
        recorded_param=param,
        n_configurations=known.n_configurations or recorded.get("n_configurations") or 1,
        group_by=known.group_by if known.group_by is not None else recorded.get("group_by"),
        space=_space_of(others, view.param_name),
    )
    attributes.say_ignored(study)
    return history


def _cool_down_of(known: Settings, trials: Sequence[FrozenTrial]) -> float | None:
    """Take what the user said about the full run, else what ``BisectionLR`` wrote on a probe."""
    return attributes.latest(trials, "cool_down") if known.cool_down is None else known.cool_down


def _latest_range(trials: Sequence[FrozenTrial], name: str | None) -> FloatDistribution | None:
    found = (t.distributions.get(name_in(t.distributions, name) or "") for t in reversed(trials))
    return next((d for d in found if isinstance(d, FloatDistribution)), None)


def _space_of(trials: Sequence[FrozenTrial], rate: str | None) -> dict[str, BaseDistribution]:
    """Return the latest distribution of every parameter that is not the rate."""
    return {
        n: d for t in trials if len(t.params) > 1 for n, d in t.distributions.items() if n != rate
    }


class _Reading(NamedTuple):
    storage: ReferenceType[object]
    trial_id: int
    history: History
    taken_at: float
    cost: float


# For speed only: each thread's last reading for a running trial.
_last = threading.local()


def recent_history(study: Study, trial: FrozenTrial, settings: Settings) -> History:
    """Read a study for a running trial and without it, but not at every report.

    A reading of a database carries the reports of all running trials, so that one at each report
    would take quadratic time. A reading is used until it has become cheap beside the time since:
    for seconds at worst, where storage is slow.
    """
    storage, now = internals.storage_of(study), time.monotonic()
    last: _Reading | None = getattr(_last, "reading", None)
    # Trials of two storages may have one number.
    if last and last.trial_id == internals.trial_id(trial) and last.storage() is storage:
        gap = max(last.cost / MAX_READING_SHARE, LEAST_READING_GAP)
        if now < last.taken_at + gap:
            return last.history
    history = read_history(study, settings, exclude=trial.number)
    done = time.monotonic()
    _last.reading = _Reading(ref(storage), internals.trial_id(trial), history, done, done - now)
    return history


def _signs(direction: StudyDirection, report_direction: str | None) -> tuple[int, int]:
    """Return the factors that turn reports and values into something to minimise."""
    value = -1 if direction == StudyDirection.MAXIMIZE else 1
    if report_direction is None:
        return value, value
    return (-1 if report_direction == "maximize" else 1), value


def _to_running(trial: FrozenTrial, view: View, stale_after: float | None) -> Running:
    attrs = attributes.read(trial)
    name = name_in(trial.params, view.param_name)
    rate = as_rate(trial.params.get(name or "", attrs.claim))
    return Running(
        trial.number,
        attrs.role,
        rate,
        liveness.is_same_process(attrs.worker),
        liveness.age_of(trial),
        curve_of(trial, view.report_sign) if attrs.role == "probe" else None,
        attrs.question,
        liveness.is_doubtful(trial, stale_after),
        attrs.search,
        others_of(trial, view),
    )
