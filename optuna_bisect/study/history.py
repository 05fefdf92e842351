"""What a study's storage says: the observations that everything else is computed from."""

from __future__ import annotations

import datetime
import threading
import time
from typing import TYPE_CHECKING, NamedTuple
from weakref import ReferenceType, ref

from optuna.study import StudyDirection
from optuna.trial import TrialState

from optuna_bisect._checks import check_single_objective
from optuna_bisect.study import attributes
from optuna_bisect.study.finished import Past, View, curve_of, read_early
from optuna_bisect.study.ledger import NO_FACTS, Facts, recall_ledger
from optuna_bisect.study.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna.distributions import FloatDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.search.evidence import Evidence
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
        number: Trial number.
        role: Its role, None while it has none or where another sampler made it.
        rate: Its rate, None while it has none.
        is_local: Whether another thread of this process runs it.
        age: Seconds since it was started, by this machine's clock; 0 where unknown.
        curve: What a probe has reported so far; None for any other trial.
        question: Why a probe was proposed.
    """

    number: int
    role: str | None
    rate: float | None
    is_local: bool
    age: float = 0.0
    curve: Curve | None = None
    question: str | None = None


class History(NamedTuple):
    """Everything that a decision may depend on, read from storage in one pass.

    Attributes:
        view: How trials were read: the rate's name, the length of a probe, the directions.
        past: What the finished trials say.
        running: Live running trials by number.
        distribution: Range of the rate in the latest trial that has it.
        final_steps: Length of the full run, None if unknown.
        max_probes: Number of probes after which the search ends in any case.
        warm_start: Rate at which an earlier study says to start.
        facts: What all other trials say about the study as a whole.
        n_trials: Number of trials that there were.
        open: Numbers of all that had not finished, the caller's own among them.
        judged: Numbers of those that had their verdict, and count as finished.
    """

    view: View
    past: Past
    running: tuple[Running, ...]
    distribution: FloatDistribution | None
    final_steps: int | None
    max_probes: int | None
    warm_start: float | None = None
    facts: Facts = NO_FACTS
    n_trials: int = 0
    open: tuple[int, ...] = ()
    judged: tuple[int, ...] = ()

    @property
    def param_name(self) -> str | None:
        """Name of the rate, None while no trial has one."""
        return self.view.param_name

    @property
    def probe_steps(self) -> int | None:
        """Length of a probe, None if unknown."""
        return self.view.probe_steps

    @property
    def report_sign(self) -> int:
        """1 where reports are to be minimised, -1 where maximised."""
        return self.view.report_sign

    @property
    def value_sign(self) -> int:
        """1 where returned values are to be minimised, -1 where maximised."""
        return self.view.value_sign

    @property
    def has_final(self) -> bool:
        """Whether the study ends in a final trial: the two lengths are known to differ."""
        steps = self.probe_steps
        return steps is not None and self.final_steps is not None and steps < self.final_steps

    @property
    def is_exhausted(self) -> bool:
        """Whether as many probes were spent as the user allows."""
        if self.max_probes is None:
            return False
        return self.past.n_probes >= self.max_probes or self.is_overrun

    @property
    def is_overrun(self) -> bool:
        """Whether that is so by far, with the probes of workers that had no better question."""
        if self.max_probes is None:
            return False
        n_idle = sum(p.question == "spread" for p in self.past.probes)
        return self.past.n_probes + n_idle >= IDLE_FACTOR * self.max_probes

    def evidence(self, distribution: FloatDistribution | None = None) -> Evidence | None:
        """Judge the probes on the grid of a range, by default the latest one."""
        chosen = distribution or self.distribution
        if chosen is None:
            return None
        return self.past.evidence(chosen.low, chosen.high, self.warm_start)


def read_history(
    study: Study, settings: Settings | None = None, *, exclude: int | None = None
) -> History:
    """Read a study.

    Args:
        study: The study, Hyperband's filtered one included: all trials are read.
        settings: What the caller knows; what it leaves open is taken from the trials.
        exclude: Number of a running trial to leave out: the one that is being decided on.

    Returns:
        The history.

    Raises:
        ValueError: If the study has more than one objective.
    """
    direction = check_single_objective(study)
    known = settings or Settings()
    threads = attributes.live_threads() if attributes.in_optimize(study) else None
    trials = attributes.all_trials(study)
    ledger = recall_ledger(study, trials)
    unfinished = [trials[number] for number in ledger.open if number != exclude]
    facts = ledger.facts.including(unfinished) if unfinished else ledger.facts
    name = known.param_name or facts.setting("param") or facts.rate_name
    view = View(
        name,
        known.probe_steps or facts.setting("probe_steps"),
        *_signs(direction, known.report_direction or facts.setting("report_direction")),
    )
    judged = [trial for trial in unfinished if attributes.is_judged(trial)]
    past = ledger.past(trials, view)
    return History(
        view=view,
        # A verdict counts from the moment that it is written, also where its worker died then.
        past=read_early(past, judged, view) if judged else past,
        running=tuple(_read_running(unfinished, view, known.stale_after, threads)),
        distribution=facts.distribution(name),
        final_steps=known.final_steps or facts.setting("final_steps"),
        max_probes=known.max_probes or facts.setting("max_probes"),
        warm_start=known.warm_start,
        facts=facts,
        n_trials=len(trials),
        open=ledger.open,
        judged=tuple(trial.number for trial in judged),
    )


class _Reading(NamedTuple):
    storage: ReferenceType[object]
    trial_id: int
    history: History
    taken_at: float
    cost: float


# Speed only: each thread's last reading for a running trial.
_last = threading.local()


def recent_history(study: Study, trial: FrozenTrial, settings: Settings) -> History:
    """Read a study for a running trial, but not at every report.

    A reading of a database carries the reports of all running trials, so that one at each report
    would take quadratic time. A reading is used until it has become cheap beside the time since.

    Args:
        study: The study.
        trial: The running trial; it is left out.
        settings: What the caller knows.

    Returns:
        The history, seconds old at worst where storage is slow.
    """
    storage, now = attributes.storage_of(study), time.monotonic()
    last: _Reading | None = getattr(_last, "reading", None)
    # Trials of two storages may have one number.
    if last is not None and last.trial_id == trial._trial_id and last.storage() is storage:
        gap = max(last.cost / MAX_READING_SHARE, LEAST_READING_GAP)
        if now < last.taken_at + gap:
            return last.history
    history = read_history(study, settings, exclude=trial.number)
    done = time.monotonic()
    _last.reading = _Reading(ref(storage), trial._trial_id, history, done, done - now)
    return history


def _signs(direction: StudyDirection, report_direction: str | None) -> tuple[int, int]:
    """Return the factors that turn reports and values into something to minimise."""
    value = -1 if direction == StudyDirection.MAXIMIZE else 1
    if report_direction is None:
        return value, value
    return (-1 if report_direction == "maximize" else 1), value


def _read_running(
    trials: Sequence[FrozenTrial],
    view: View,
    stale_after: float | None,
    threads: frozenset[int | None] | None,
) -> Iterator[Running]:
    for trial in trials:
        if trial.state != TrialState.RUNNING or attributes.is_judged(trial):
            continue
        attrs = attributes.read(trial)
        if not _is_dead(trial, attrs, stale_after, threads):
            yield _to_running(trial, attrs, view)


def _is_dead(
    trial: FrozenTrial,
    attrs: attributes.Attrs,
    stale_after: float | None,
    threads: frozenset[int | None] | None,
) -> bool:
    """Tell whether nobody works on a running trial any more, as far as can be known."""
    if threads is not None and attributes.is_abandoned(attrs.worker, threads):
        return True
    alive = attributes.last_sign_of_life(trial)
    if stale_after is None or alive is None:
        return False
    return attributes.utc_now() - alive > datetime.timedelta(seconds=stale_after)


def _to_running(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> Running:
    rate = trial.params.get(view.param_name or "", attrs.claim)
    return Running(
        trial.number,
        attrs.role,
        rate if isinstance(rate, float) else None,
        attributes.is_same_process(attrs.worker),
        attributes.age_of(trial),
        curve_of(trial, view.report_sign) if attrs.role == "probe" else None,
        attrs.question,
    )
