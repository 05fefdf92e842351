"""Phase 2 as a pure engine: what each interval of losses does to the gain of the rate.

Decisions fall at the ends of intervals, on windows of smoothed losses. A signal that is not sure
keeps the rate: the backbone and the final anneal of ``schedule`` are good by themselves where the
start is right, and the feedback is there for where it is not.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from optuna_bisect.feedback.detectors import (
    LENIENT,
    LONG,
    find_collapse,
    find_overshoot,
    find_stall,
    find_undershoot,
    has_learned,
    is_healthy,
)
from optuna_bisect.feedback.gain import move, pause_factor
from optuna_bisect.feedback.race import SPACING, Race, advance_race, reopen
from optuna_bisect.feedback.state import Event, EventName, Losses, Settings, State
from optuna_bisect.feedback.trend_tests import MIN_WINDOW, critical, median, trend

if TYPE_CHECKING:
    from optuna_bisect.feedback.schedule import Schedule

__all__ = ["Event", "EventName", "Losses", "Settings", "State", "advance", "is_healthy", "rate"]


_MAX_PARTS = 128
"""Parts that the past of a run is kept in."""
_TOO_LATE = 0.2
"""Share of the rate that the anneal has left, below which no earlier weights can catch up."""
_SOON = 3
"""Legs after the race in which a collapse puts its result in doubt."""


def rate(schedule: Schedule, state: State, step: int) -> float:
    """Compute the rate for the next update.

    Args:
        schedule: The open-loop part.
        state: The closed-loop part.
        step: Steps done, at least ``state.step``.

    Returns:
        The rate, inside the bracket before the final anneal.
    """
    factor = schedule.warm_up(step - state.begin)
    gain = state.gain * pause_factor(state, step)
    return factor * schedule.rate(step, gain)


def advance(schedule: Schedule, settings: Settings, state: State, losses: Losses) -> State:
    """Take in one interval and decide.

    Args:
        schedule: The open-loop part.
        settings: How losses are read.
        state: The state before the interval.
        losses: What the interval showed.

    Returns:
        The next state; its ``events`` say what happened. After a ``"stall"`` or a
        ``"collapse"`` the caller puts back the last good weights, where it has them.
    """
    n_steps, n_intervals = losses.step - state.step, state.n_intervals + 1
    state = replace(state, step=losses.step, n_intervals=n_intervals, events=())
    state = replace(state, n_calls=losses.n_calls)
    race = state.race
    if race is not None:
        if not race.is_over:
            state = _run_leg(schedule, state, race, losses, n_steps)
            return _end_run(schedule, settings, state)
        state = replace(state, race=replace(race, keeps=False, returns="nothing"))
    if not losses.is_finite:
        event = Event("collapse", "The loss is not finite.")
        return _end_run(schedule, settings, _fall(schedule, settings, state, event))
    state = _observe(settings, state, losses)
    collapse = find_collapse(state)
    if collapse is not None:
        state = _fall(schedule, settings, state, collapse)
    elif settings.feedback and state.decay_step is None:
        state = _feed_back(schedule, settings, state)
    return _end_run(schedule, settings, state)


def begin_race(schedule: Schedule, n_levels: int) -> State:
    """Make the state of a run that begins with a race.

    Args:
        schedule: The open-loop part.
        n_levels: Intervals in a leg, at least 4.

    Returns:
        The state before the first step.
    """
    low = schedule.low or 0.0
    high = math.inf if schedule.high is None else schedule.high
    return State(race=Race(rate=schedule.start_lr, n_levels=n_levels, low=low, high=high))


def end_race(schedule: Schedule, state: State) -> State:
    """Settle a race that cannot go on, because the weights to go back to are lost.

    Args:
        schedule: The open-loop part.
        state: The state, of a run with or without a race.

    Returns:
        The state with the best rate so far.
    """
    race = state.race
    if race is None or race.is_over:
        return state
    best = race.rate if race.best_rate is None else race.best_rate
    race = replace(race, rate=best, direction="over", keeps=False, returns="nothing")
    return replace(state, race=race, gain=best / schedule.backbone(state.step))


def _run_leg(schedule: Schedule, state: State, race: Race, losses: Losses, n_steps: int) -> State:
    """Take an interval of ``n_steps`` into the race, and set the next rate."""
    level = losses.train if losses.is_finite else math.nan
    first = losses.train if losses.first is None else losses.first
    after = advance_race(race, level, first)
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
    past = tuple(fmean(pair) for pair in zip(race.best[::2], race.best[1::2]))
    # A rate that lost is never tried again, nor one much nearer to it than the winner.
    ceiling = race.ceiling / math.sqrt(SPACING)
    state = replace(state, levels=past, past=past, span=1, rest=(), cut=0, ceiling=ceiling)
    state = replace(state, n_intervals=len(past), settled=len(past), initial=race.initial)
    # What happened before the race was opened again happened to other weights.
    state = replace(state, moves=(), collapse=None, n_collapses=0)
    if past:
        state = replace(state, best=median(race.best[-MIN_WINDOW:]), peak=max(race.best))
    return replace(state, learned=bool(past) and has_learned(state))


def _fall(schedule: Schedule, settings: Settings, state: State, event: Event) -> State:
    """Answer a collapse: soon after the race by opening it again, later by a lower rate."""
    race = state.race
    if race is not None and state.n_intervals - state.settled <= _SOON * race.n_levels:
        race = reopen(race)
        if not race.is_over:
            gain = race.rate / schedule.backbone(state.step)
            state = replace(state, race=race, gain=gain, begin=state.step, learned=False)
            return replace(state, levels=(), val_levels=(), streak=0, events=(event,))
    return move(schedule, settings, state, event)


def _observe(settings: Settings, state: State, losses: Losses) -> State:
    """Add an interval's losses to the windows."""
    initial = state.initial
    if initial is None:
        initial = losses.train if losses.first is None else losses.first
    length = LONG * settings.window
    # A spike after real progress says nothing about how the run began.
    has_settled = state.initial is not None and has_learned(state)
    levels = (*state.levels, losses.train)[-length:]
    recent = levels[-MIN_WINDOW:]
    state = replace(
        state,
        initial=initial,
        levels=levels,
        best=min(state.best, median(recent)) if len(recent) == MIN_WINDOW else state.best,
        peak=state.peak if has_settled else max(state.peak, losses.train),
    )
    state = _remember(replace(state, learned=has_learned(state)), losses.train)
    if losses.val is not None:
        state = replace(state, val_levels=(*state.val_levels, losses.val)[-length:])
    is_old = state.collapse is None or state.n_intervals - state.collapse > length
    return replace(state, n_collapses=0) if is_old else state


def _remember(state: State, level: float) -> State:
    """Add a level to the past of the run; what grows too long becomes half as fine."""
    rest = (*state.rest, level)
    if len(rest) < state.span:
        return replace(state, rest=rest)
    past = (*state.past, fmean(rest))
    if len(past) < _MAX_PARTS:
        return replace(state, past=past, rest=())
    past = tuple(fmean(pair) for pair in zip(past[::2], past[1::2]))
    return replace(state, past=past, rest=(), span=2 * state.span, cut=state.cut // 2)


def _feed_back(schedule: Schedule, settings: Settings, state: State) -> State:
    """Judge the windows and move the gain, unless it was moved just now."""
    if state.wait:
        return replace(state, wait=state.wait - 1)
    is_late = _is_late(schedule, state)
    event = None if is_late else find_overshoot(settings, state)
    if event is None and schedule.anneal(state.step) > _TOO_LATE:
        event = find_stall(state)
    if event is None and not is_late:
        event = find_undershoot(settings, state, schedule.probe_steps)
        state = replace(state, streak=0 if event is None else state.streak + 1)
        if state.streak < settings.patience:
            return state
    return state if event is None else move(schedule, settings, state, event)


def _is_late(schedule: Schedule, state: State) -> bool:
    return state.step >= schedule.anneal_start


def _end_run(schedule: Schedule, settings: Settings, state: State) -> State:
    """Note the beginning of the anneal and the end of the run."""
    if not state.annealing and _is_late(schedule, state):
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
    is_falling = min(trend(values), trend(values[-settings.window :])) <= -critical(LENIENT)
    return len(values) == n and not is_falling
