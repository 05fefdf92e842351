"""The other parameters of a probe: drawn once for a search, then held still on every worker."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState, create_trial

from optuna_bisect.decisions.configurations import may_keep, untried_groups
from optuna_bisect.decisions.searches import read_searches
from optuna_bisect.study.configuration import agree
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes, internals, liveness
from optuna_bisect.trials.internals import MISSING
from optuna_bisect.trials.parameter import is_known_name, name_in
from optuna_bisect.trials.values import allowed, value_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.decisions.searches import Search
    from optuna_bisect.study.history import History
    from optuna_bisect.study.settings import Settings

# A worker waits so long for a value that the trial before it has still to draw.
VALUE_GRACE_SECONDS = 10.0
_PAUSE_SECONDS = 0.01


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
    space = history.space
    params = {n: allowed(v, space[n]) for n, v in search.held.items() if n in space}
    known: dict[str, Any] = {
        "params": params,
        "distributions": {name: space[name] for name in params},
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


def chosen_others(trial: FrozenTrial, history: History) -> dict[str, Any]:
    """Return the parameters beside the rate that a user chose, or that a dead trial had."""
    chosen = {**internals.fixed_params(trial), **trial.params}
    known = history.view.param_name
    rate = name_in(chosen, known)
    return {
        n: v for n, v in chosen.items() if n != rate and not (known is None and is_known_name(n))
    }


def claim_search(
    study: Study,
    trial: FrozenTrial,
    history: History,
    search: int | None,
    *,
    settings: Settings,
    sampler: BaseSampler,
) -> bool:
    """Write on a probe which search it joins, and draw the values of a new one.

    Returns False where others chose at the same moment, so that the choice must be made anew:
    drawing may take seconds, and others see a trial's choice only once it is written. ``history``
    is what the choice was made from, on the lowest rung.
    """
    attributes.write(study, trial, number=trial.number, search=search)
    chosen = chosen_others(trial, history)
    if search == trial.number:
        _draw_another(study, trial, history, sampler, chosen)
    if search is not None and history.n_configurations > 1 and not chosen:
        now = read_history(study, settings, exclude=trial.number, rung=0)
        if not may_keep(now, trial.number, search):
            attributes.clear(study, trial, "search", "held")
            return False
    return True


def _draw_another(
    study: Study,
    trial: FrozenTrial,
    history: History,
    sampler: BaseSampler,
    chosen: Mapping[str, Any],
) -> None:
    """Draw a configuration and write it on its trial; draw again where there is that one already.

    A worker that was restarted with a seed, or two workers with one seed, draw the same numbers.
    So it has passed all of the known ones after one draw for each; beyond there may be no other.
    """
    known = [history.held(search) for search in history.searches]
    for _ in range(len(known) + 2):
        drawn = {**draw_configuration(study, history, sampler, trial.number), **chosen}
        attributes.write(study, trial, held=_storable(drawn) or None)
        beside = [
            attrs.held or {}
            for t, attrs in ((t, attributes.read(t)) for t in internals.all_trials(study))
            if t.state == TrialState.RUNNING and attrs.search == t.number < trial.number
        ]
        if chosen or not any(held and agree(drawn, held) for held in (*known, *beside)):
            return


def _storable(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what JSON does not hold; such a value is drawn when it is asked for."""
    return {name: value for name, value in drawn.items() if _is_storable(value)}


def _is_storable(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_storable, value))
    return isinstance(value, (str, int, float, bool, type(None)))


def held_value(
    study: Study,
    trial: FrozenTrial,
    name: str,
    distribution: BaseDistribution,
    stale_after: float | None,
) -> Any:
    """Return the value that the search of a probe holds, ``MISSING`` where there is none yet.

    Where a probe of the same search with a lower number is about to draw it, this waits, unless
    that probe is dead.
    """
    end = time.monotonic() + VALUE_GRACE_SECONDS
    while True:
        threads = liveness.live_threads() if internals.in_optimize(study) else None
        members = [t for t in internals.all_trials(study) if _is_member(t, trial)]
        found = _param_in(members, name, distribution)
        if found is MISSING:
            found = _drawn_in([*members, trial], name, distribution)
        if found is not MISSING:
            return found
        about_to = any(
            t.state == TrialState.RUNNING
            and t.number < trial.number
            and not t.intermediate_values
            and not liveness.is_dead(t, stale_after, threads)
            for t in members
        )
        if not about_to or time.monotonic() > end or not internals.in_optimize(study):
            return MISSING
        time.sleep(_PAUSE_SECONDS)


def _is_member(other: FrozenTrial, trial: FrozenTrial) -> bool:
    """Tell whether another trial is a probe of the same search, or about to be one."""
    attrs = attributes.read(other)
    is_same = attrs.search == attributes.read(trial).search
    return is_same and other.number != trial.number and attrs.role in ("probe", None)


def hold(
    study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution, value: Any
) -> Any:
    """Make a value that a probe drew the one that its search holds, and return that one.

    Two probes of a search may draw at one moment, where the one that began it has died. So a value
    is written and others are looked for: one that is a parameter already, else the lowest trial's.

    Where the search holds a value that is not allowed any more, as the user has changed the
    distribution, the probe begins a search of its own. A parameter that no probe of the search
    has had yet is just added to what the search holds.
    """
    attrs = attributes.read(trial)
    if attrs.search is None:
        return value
    members = [t for t in internals.all_trials(study) if _is_member(t, trial)]
    is_known = any(name in t.params for t in members)
    if is_known and _param_in(members, name, distribution) is MISSING:
        if attrs.search != trial.number:
            attributes.write(study, trial, search=trial.number)
        return value
    attributes.write(study, trial, held={**(attrs.held or {}), **_storable({name: value})} or None)
    members = [t for t in internals.all_trials(study) if _is_member(t, trial)]
    lower = [t for t in members if t.number < trial.number]
    found = _param_in(members, name, distribution)
    found = _drawn_in(lower, name, distribution) if found is MISSING else found
    return value if found is MISSING else found


def _param_in(members: Iterable[FrozenTrial], name: str, distribution: BaseDistribution) -> Any:
    """Return the value that probes ran with, ``MISSING`` where none has one that is allowed."""
    found = (value_in(t, name, distribution) for t in members)
    return next((value for value in found if value is not MISSING), MISSING)


def _drawn_in(members: Iterable[FrozenTrial], name: str, distribution: BaseDistribution) -> Any:
    """Return the value that a probe drew and is about to run with, ``MISSING`` without any."""
    held = (attributes.read(t).held or {} for t in members)
    drawn = (allowed(values[name], distribution) for values in held if name in values)
    return next((value for value in drawn if value is not MISSING), MISSING)
