"""Reading a study from its storage."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple
from weakref import ReferenceType, ref

from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from optuna_bisect.study.configuration import rung_steps, top_rung
from optuna_bisect.study.finished import read_finished, recall_finished
from optuna_bisect.study.history import History, Running
from optuna_bisect.study.settings import Settings, check_single_objective
from optuna_bisect.trials import attributes, ignored, internals, liveness
from optuna_bisect.trials.parameter import as_rate, find_rate_name, name_in, rivals
from optuna_bisect.trials.view import View, curve_of, others_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.finished import Finished

# Share of a running trial's time that may go into reading what the others found.
MAX_READING_SHARE = 0.01
# Seconds between two readings at least: what others found in less can wait.
LEAST_READING_GAP = 0.1


class _Moment(NamedTuple):
    """What was read of a study at one moment.

    Attributes:
        finished: Finished trials.
        judged: Running probes that have their verdict already.
        running: Live running trials.
        stale_after: Seconds without a sign of life after which a trial counts as dead.
    """

    study: Study
    finished: Sequence[FrozenTrial]
    judged: Sequence[FrozenTrial]
    running: Sequence[FrozenTrial]
    stale_after: float | None


def read_history(
    study: Study,
    settings: Settings | None = None,
    *,
    exclude: int | None = None,
    rung: int | None = None,
) -> History:
    """Read a study; ``exclude`` is the number of the running trial that is being decided on.

    What ``settings`` leave open is taken from the trials. All trials are read, also where
    Hyperband hands out a part of the study. The study is seen from ``rung``, None: from the
    highest. A study with several objectives is refused by a ValueError.
    """
    direction = check_single_objective(study)
    ignored.forget()
    known = settings or Settings()
    trials = internals.all_trials(study)
    # A finished trial may have the same number where rows were deleted.
    others = [t for t in trials if t.number != exclude or t.state.is_finished()]
    recorded, param = attributes.recorded_settings(others), attributes.latest(others, "param")
    rate_name = find_rate_name(internals.spaces_of(study, others))
    view = View(
        known.param_name or param or rate_name,
        known.probe_steps or recorded.get("probe_steps"),
        *_signs(direction, known.report_direction or recorded.get("report_direction")),
    )
    moment = _take_apart(study, trials, others, view, known.stale_after)
    lowest = History(
        view=view,
        finished=_read_finished(moment, view, 0),
        running=_read_running(moment, view, 0),
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
        exponent=known.horizon_exponent,
    )
    n_rungs = known.n_rungs or recorded.get("n_rungs") or 1
    top = top_rung(view.probe_steps, lowest.final_steps, n_rungs) if rung is None else rung
    history = _climb(lowest, moment, top)
    ignored.say(study)
    return history


def _take_apart(
    study: Study,
    trials: Sequence[FrozenTrial],
    others: Sequence[FrozenTrial],
    view: View,
    stale_after: float | None,
) -> _Moment:
    threads = liveness.live_threads() if internals.in_optimize(study) else None
    # A database is not read at one moment: a verdict may be there and its rate still missing.
    name = view.param_name
    judged = {t.number: t for t in others if name in t.params and attributes.is_judged(t)}
    running = [
        t
        for t in others
        if t.state == TrialState.RUNNING and t.number not in judged
        if not liveness.is_dead(t, stale_after, threads)
    ]
    finished = [t for t in trials if t.state.is_finished()]
    return _Moment(study, finished, tuple(judged.values()), running, stale_after)


def _climb(lowest: History, moment: _Moment, top: int) -> History:
    """Read a study from the lowest rung up to another one."""
    history = lowest
    for rung in range(1, top + 1):
        view = lowest.view._replace(probe_steps=rung_steps(lowest.view.probe_steps or 1, rung))
        history = lowest._replace(
            view=view,
            finished=_read_finished(moment, view, rung),
            running=_read_running(moment, view, rung),
            warm_start=None,
            below=history,
        )
    return history


def _read_finished(moment: _Moment, view: View, rung: int) -> Finished:
    finished = [t for t in moment.finished if attributes.is_on(t, rung)]
    judged = [t for t in moment.judged if attributes.is_on(t, rung)]
    past = recall_finished(moment.study, finished, view)
    # A verdict counts from the moment that it is written, also where its worker died then.
    return read_finished(finished, view, judged=judged, earlier=past) if judged else past


def _read_running(moment: _Moment, view: View, rung: int) -> tuple[Running, ...]:
    on_rung = (t for t in moment.running if attributes.is_on(t, rung))
    return tuple(_to_running(t, view, moment.stale_after) for t in on_rung)


def _cool_down_of(known: Settings, trials: Sequence[FrozenTrial]) -> float | None:
    """Take what the user said about the full run, else what ``BisectionLR`` wrote on a probe."""
    return attributes.latest(trials, "cool_down") if known.cool_down is None else known.cool_down


def _latest_range(trials: Sequence[FrozenTrial], name: str | None) -> FloatDistribution | None:
    found = (t.distributions.get(name_in(t.distributions, name) or "") for t in reversed(trials))
    return next((d for d in found if isinstance(d, FloatDistribution)), None)


def _space_of(trials: Sequence[FrozenTrial], rate: str | None) -> dict[str, BaseDistribution]:
    """Return the latest distribution of every parameter that is not the rate."""
    space: dict[str, BaseDistribution] = {}
    for trial in trials:
        if len(trial.params) > 1:
            own = name_in(trial.distributions, rate)
            space |= {n: d for n, d in list(trial.distributions.items()) if n != own}
    return space


class _Reading(NamedTuple):
    storage: ReferenceType[object]
    trial_id: int
    history: History
    taken_at: float
    cost: float


# For speed only: each thread's last reading for a running trial.
_last = threading.local()


def recent_history(
    study: Study, trial: FrozenTrial, settings: Settings, *, rung: int = 0
) -> History:
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
    history = read_history(study, settings, exclude=trial.number, rung=rung)
    done = time.monotonic()
    _last.reading = _Reading(ref(storage), internals.trial_id(trial), history, done, done - now)
    return history


def note_rate_name(study: Study, trial: FrozenTrial) -> None:
    """Write which of several parameters that look alike is the rate, where no trial says it yet.

    It is the first one, and some storages forget which one that was. Trials with one alone tell it
    without their order.
    """
    if internals.keeps_order_of_params(study) or len(rivals(trial.distributions)) < 2:
        return
    others = internals.without(internals.all_trials(study), trial)
    plain = [t.distributions for t in others if len(rivals(t.distributions)) < 2]
    attributes.write(study, trial, param=find_rate_name([*plain, trial.distributions]))


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
