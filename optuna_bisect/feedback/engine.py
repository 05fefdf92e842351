"""The feedback as a pure engine: what each interval of losses does to the gain of the rate.

Decisions fall at the ends of intervals, on windows of smoothed losses. A signal that is not sure
keeps the rate: the backbone and the final anneal are good by themselves where the start is right,
and the feedback is there for where it is not. ``schedule`` is the open-loop part, ``settings`` say
how losses are read, ``state`` is all that the feedback remembers.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from optuna_bisect.feedback.detectors import (
    LENIENT,
    LONG,
    find_collapse,
    find_overshoot,
    find_stall,
    find_undershoot,
    has_learned,
)
from optuna_bisect.feedback.gain import move, pause_factor
from optuna_bisect.feedback.legs import SPACING, Race
from optuna_bisect.feedback.race import advance_race, reopen
from optuna_bisect.feedback.state import Event, Past, State, pair_means
from optuna_bisect.feedback.trend_tests import MIN_WINDOW, trend

if TYPE_CHECKING:
    from optuna_bisect.feedback.schedule import Schedule
    from optuna_bisect.feedback.settings import Settings
    from optuna_bisect.feedback.state import Losses

# Share of the rate that the anneal has left, below which no earlier weights can catch up.
_TOO_LATE = 0.2
# Legs after the race in which a collapse puts its result in doubt.
_SOON = 3


def rate(schedule: Schedule, state: State, step: int) -> float:
    """Compute the rate for the next update, after at least ``state.step`` steps."""
    gain = state.gain * pause_factor(state, step)
    return schedule.warm_up(step - state.begin) * schedule.rate_beyond(step, gain)


def advance(schedule: Schedule, settings: Settings, state: State, losses: Losses) -> State:
    """Take in the losses of one interval and decide.

    Returns:
        The next state; its ``events`` say what happened. After a ``"stall"`` or a
        ``"collapse"`` the caller puts back the last good weights, where it has them.
    """
    n_steps, race = losses.step - state.step, state.race
    n_intervals, n_calls = state.n_intervals + 1, losses.n_calls
    state = replace(state, step=losses.step, n_intervals=n_intervals, n_calls=n_calls, events=())
    if race is not None and not race.is_over:
        return _end_run(schedule, settings, _run_leg(schedule, state, race, losses, n_steps))
    if race is not None:
        state = replace(state, race=replace(race, keeps=False, returns="nothing"))
    collapse: Event | None = Event("collapse", "The loss is not finite.")
    if losses.is_finite:
        state = _observe(settings, state, losses)
        collapse = find_collapse(state)
    if collapse is not None:
        state = _fall(schedule, settings, state, collapse)
    elif settings.feedback and state.decay_step is None:
        state = _feed_back(schedule, settings, state)
    return _end_run(schedule, settings, state)


def begin_race(schedule: Schedule, n_levels: int, interval_steps: int) -> State:
    """Make the state of a run that begins with a race, whose legs have at least 4 intervals."""
    warmup = schedule.warmup_steps / interval_steps
    return State(race=Race(schedule.start_lr, n_levels, schedule.low, schedule.high, warmup))


def end_race(schedule: Schedule, state: State) -> State:
    """Settle a race, if there is one, at its best rate: the weights to go back to are lost."""
    race = state.race
    if race is None or race.is_over:
        return state
    gain = race.leader / schedule.backbone(state.step)
    over = replace(race, rate=race.leader, best=(), direction="over", keeps=False)
    return replace(state, race=replace(over, returns="nothing"), gain=gain)


def _run_leg(schedule: Schedule, state: State, race: Race, losses: Losses, n_steps: int) -> State:
    """Take an interval of ``n_steps`` into the race, and set the next rate."""
    level = losses.train if losses.is_finite else math.nan
    after = advance_race(race, level, losses.first)
    begin = state.step
    if after.is_over:
        reason = f"The rate {after.rate:.4g} won the race of {after.n_legs} legs."
        event, begin = Event("settled", reason), state.step - n_steps * len(after.best)
        state = _settle(state, after)
    elif after.returns == "first":
        end = "won" if after.keeps else "lost"
        reason = f"The leg at {race.rate:.4g} {end}; the next one begins with the first weights."
        event = Event("leg", reason)
    else:
        return replace(state, race=after)
    gain = after.rate / schedule.backbone(state.step)
    return replace(state, race=after, gain=gain, begin=begin, events=(event,))


def _settle(state: State, race: Race) -> State:
    """Take the levels of the best leg for the beginning of the run, and its age for the run's."""
    # An interval of the run is two of the race.
    levels = pair_means(race.best)
    state = replace(
        state,
        n_intervals=len(levels),
        levels=levels,
        past=Past(levels),
        initial=race.initial,
        best=median(race.best[-MIN_WINDOW:]) if levels else state.best,
        peak=max(race.best) if levels else state.peak,
        # A rate that lost is never tried again, nor one much nearer to it than the winner.
        ceiling=race.ceiling / math.sqrt(SPACING),
        # What happened before the race was opened again happened to other weights.
        moves=(),
        collapse=None,
        n_collapses=0,
    )
    return replace(state, learned=bool(levels) and has_learned(state))


def _fall(schedule: Schedule, settings: Settings, state: State, event: Event) -> State:
    """Answer a collapse: soon after the race by opening it again, later by a lower rate."""
    race = state.race
    # The run began with the intervals of the best leg, each two of the race's.
    if race is not None and state.n_intervals - len(race.best) // 2 <= _SOON * race.n_levels:
        race = reopen(race)
    if race is None or race.is_over:
        return move(schedule, settings, state, event)
    gain = race.rate / schedule.backbone(state.step)
    state = replace(state, race=race, gain=gain, begin=state.step, events=(event,))
    return replace(state, learned=False, levels=(), val_levels=(), streak=0)


def _observe(settings: Settings, state: State, losses: Losses) -> State:
    """Add an interval's losses to the windows."""
    length = LONG * settings.window
    levels = (*state.levels, losses.train)[-length:]
    recent = levels[-MIN_WINDOW:]
    val_levels = state.val_levels
    if losses.val is not None:
        val_levels = (*val_levels, losses.val)[-length:]
    is_old = state.collapse is None or state.n_intervals - state.collapse > length
    state = replace(
        state,
        initial=losses.first if math.isinf(state.initial) else state.initial,
        levels=levels,
        val_levels=val_levels,
        best=min(state.best, median(recent)) if len(recent) == MIN_WINDOW else state.best,
        # A spike after real progress says nothing about how the run began.
        peak=state.peak if has_learned(state) else max(state.peak, losses.train),
        n_collapses=0 if is_old else state.n_collapses,
    )
    return replace(state, learned=has_learned(state), past=state.past.add(losses.train))


def _feed_back(schedule: Schedule, settings: Settings, state: State) -> State:
    """Judge the windows and move the gain, unless it was moved just now."""
    if state.wait:
        return replace(state, wait=state.wait - 1)
    is_late = state.step >= schedule.anneal_start
    event = None if is_late else find_overshoot(settings, state)
    if event is None and schedule.anneal(state.step) > _TOO_LATE:
        event = find_stall(state)
    if event is None and not is_late:
        event = find_undershoot(settings, state, schedule.probe_steps)
        state = replace(state, streak=0 if event is None else state.streak + 1)
        if state.streak < settings.patience:
            return state
    return state if event is None else move(schedule, settings, state, event)


def _end_run(schedule: Schedule, settings: Settings, state: State) -> State:
    """Note the beginning of the anneal and the end of the run."""
    if not state.annealing and state.step >= schedule.anneal_start:
        event = Event("anneal", "The last part of the run has begun.")
        state = replace(state, annealing=True, events=(*state.events, event))
    if state.finished:
        return state
    if schedule.final_steps is not None and state.step >= schedule.final_steps:
        event = Event("finished", "The full length is reached.")
    elif _is_plateau(schedule, settings, state):
        event = Event("finished", "The validation loss has stopped falling.")
    else:
        return state
    return replace(state, finished=True, events=(*state.events, event))


def _is_plateau(schedule: Schedule, settings: Settings, state: State) -> bool:
    """Compare the recent levels with each other, never with the best one ever.

    An anneal that is still to come always lowers the loss, so it is given up only after twice
    the evidence.
    """
    is_anneal_ahead = math.isfinite(schedule.anneal_start)
    n = LONG * settings.window // (1 if is_anneal_ahead else 2)
    values = state.val_levels[-n:]
    is_falling = min(trend(values), trend(values[-settings.window :])) <= -LENIENT
    return len(values) == n and not is_falling
