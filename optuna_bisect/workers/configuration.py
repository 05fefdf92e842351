"""The other parameters of a probe: drawn once for a search, then held still on every worker."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState, create_trial

from optuna_bisect.decisions.configurations import untried_groups
from optuna_bisect.decisions.searches import read_searches
from optuna_bisect.study import attributes, internals

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.decisions.searches import Search
    from optuna_bisect.study.history import History

# A worker waits so long for a value that the trial before it has still to draw.
VALUE_GRACE_SECONDS = 10.0
_PAUSE_SECONDS = 0.01
# None may be the value of a categorical parameter.
MISSING = object()


def draw_configuration(
    study: Study, history: History, sampler: BaseSampler, number: int
) -> dict[str, Any]:
    """Draw the next configuration from what the earlier ones reached, one trial for each.

    Where groups of the rate are still without a search, it belongs to one of them, by the trial's
    ``number``: workers that draw at one moment choose different ones. Empty while no trial has
    shown which parameters there are: then they are drawn one by one, as the objective asks.
    """
    if not history.space:
        return {}
    view = internals.new_study(study, sampler)
    view.add_trials(
        [_to_trial(search, history) for search in read_searches(history) if search.held]
    )
    if groups := untried_groups(history):
        view.enqueue_trial(groups[number % len(groups)])
    drawn = dict(view.ask(dict(history.space)).params)
    internals.keep_state(study, view)
    return drawn


def _to_trial(search: Search, history: History) -> FrozenTrial:
    """Return a search as one trial: its best probe, without the rate."""
    params = {n: v for n, v in search.held.items() if n in history.space}
    known: dict[str, Any] = {
        "params": params,
        "distributions": {name: history.space[name] for name in params},
    }
    best = search.strongest
    if best is None or not best.has_score:
        return create_trial(state=TrialState.FAIL, **known)
    if best.value is not None:
        return create_trial(value=history.view.value_sign * best.value, **known)
    sign = history.view.report_sign
    reports = {s: sign * loss for s, loss in zip(best.curve.steps, best.curve.losses)}
    if not best.is_full:
        return create_trial(state=TrialState.PRUNED, intermediate_values=reports, **known)
    end = search.score if math.isfinite(search.score) else best.curve.losses[-1]
    return create_trial(value=sign * end, intermediate_values=reports, **known)


def held_value(study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
    """Return the value that the search of a probe holds, ``MISSING`` where there is none yet.

    Where a probe of the same search with a lower number is about to draw it, this waits.
    """
    attrs = attributes.read(trial)
    own = (attrs.held or {}).get(name, MISSING)
    if own is not MISSING and internals.is_value_of(distribution, own):
        return own
    end = time.monotonic() + VALUE_GRACE_SECONDS
    while True:
        others = [
            t
            for t in internals.all_trials(study)
            if t.number != trial.number and attributes.read(t).search == attrs.search
        ]
        for other in others:
            if internals.is_usable(other, name, distribution):
                return other.params[name]
        about_to = any(
            t.number < trial.number and t.state == TrialState.RUNNING and not t.intermediate_values
            for t in others
        )
        if not about_to or time.monotonic() > end or not internals.in_optimize(study):
            return MISSING
        time.sleep(_PAUSE_SECONDS)


def begin_anew(study: Study, trial: FrozenTrial, name: str) -> None:
    """Begin a search of its own with a trial for which the search holds no value that is allowed.

    So it is where the user has changed a distribution. A parameter that no probe of the search has
    had yet is just added to what the search holds.
    """
    search = attributes.read(trial).search
    members = (t for t in internals.all_trials(study) if attributes.read(t).search == search)
    if any(name in t.params for t in members if t.number != trial.number):
        attributes.write(study, trial, search=trial.number)
