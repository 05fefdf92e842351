"""Phase 2 as a pure engine: what each interval of losses does to the gain of the rate.

Decisions fall at the ends of intervals, on windows of smoothed losses. A signal that is not sure
keeps the rate: the backbone and the final anneal of ``schedule`` are good by themselves where the
start is right, and the feedback is there for where it is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optuna_bisect.signals import MIN_WINDOW, critical, median, trend
from optuna_bisect.symptoms import (
    LENIENT,
    LONG,
    Event,
    EventName,
    Settings,
    State,
    find_collapse,
    find_overshoot,
    find_undershoot,
    has_learned,
    is_healthy,
)

if TYPE_CHECKING:
    from optuna_bisect.schedule import Schedule

__all__ = ["Event", "EventName", "Losses", "Settings", "State", "advance", "is_healthy", "rate"]


_LEAST_MOVE = 0.05
"""Moves of less than 5 %, at a limit, are not worth a cooldown."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What one interval showed.

    Args:
        step: Number of steps done at its end.
        train: Mean training loss over the interval.
        val: Last validation loss in it, None if there was none.
        first: The first training loss of the interval. That of the first interval is the
            initial level. None: the mean stands in.
        n_calls: Number of training losses in the mean.
    """

    step: int
    train: float
    val: float | None = None
    first: float | None = None
    n_calls: int = 1

    @property
    def is_finite(self) -> bool:
        """Whether both losses are finite; a validation loss that is missing counts as finite."""
        return math.isfinite(self.train) and math.isfinite(self.val or 0.0)


def rate(schedule: Schedule, state: State, step: int) -> float:
    """Compute the rate for the next update.

    Args:
        schedule: The open-loop part.
        state: The closed-loop part.
        step: Steps done, at least ``state.step``.

    Returns:
        The rate, inside the bracket before the final anneal.
    """
    return schedule.rate(step, state.gain * _pause_factor(state, step))


def advance(schedule: Schedule, settings: Settings, state: State, losses: Losses) -> State:
    """Take in one interval and decide.

    Args:
        schedule: The open-loop part.
        settings: How losses are read.
        state: The state before the interval.
        losses: What the interval showed.

    Returns:
        The next state; its ``events`` say what happened. After a ``"collapse"`` the caller
        puts back the last good weights, where it has them.
    """
    state = replace(state, step=losses.step, n_intervals=state.n_intervals + 1, events=())
    state = replace(state, n_calls=losses.n_calls)
    if not losses.is_finite:
        event = Event("collapse", "The loss is not finite.")
        return _end_run(schedule, settings, _move(schedule, settings, state, event))
    state = _observe(settings, state, losses)
    collapse = find_collapse(state)
    if collapse is not None:
        state = _move(schedule, settings, state, collapse)
    elif settings.feedback and state.decay_step is None and state.step < schedule.anneal_start:
        state = _feed_back(schedule, settings, state)
    return _end_run(schedule, settings, state)


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
    if losses.val is not None:
        state = replace(state, val_levels=(*state.val_levels, losses.val)[-length:])
    is_old = state.collapse is None or state.n_intervals - state.collapse > length
    return replace(state, n_collapses=0) if is_old else state


def _feed_back(schedule: Schedule, settings: Settings, state: State) -> State:
    """Judge the windows and move the gain, unless it was moved just now."""
    if state.wait:
        return replace(state, wait=state.wait - 1)
    event = find_overshoot(settings, state)
    if event is None:
        event = find_undershoot(settings, state, schedule.probe_steps)
        state = replace(state, streak=0 if event is None else state.streak + 1)
        if state.streak < settings.patience:
            return state
    return state if event is None else _move(schedule, settings, state, event)


def _move(schedule: Schedule, settings: Settings, state: State, event: Event) -> State:
    """Move the gain up or down, or leave it at a limit."""
    is_up, is_collapse = event.signal == "undershoot", event.signal == "collapse"
    base = schedule.backbone(state.step) * _pause_factor(state, state.step)
    old = schedule.clamp(base * state.gain, state.step)
    new = schedule.clamp(old * (settings.growth_factor if is_up else settings.factor), state.step)
    if is_up:
        new = max(old, min(new, state.ceiling))
    if abs(math.log(new / old)) < _LEAST_MOVE and not is_collapse:
        return replace(state, streak=0)
    span = 10 * settings.window
    moves = tuple(i for i in (*state.moves, state.n_intervals) if i > state.n_intervals - span)
    state = replace(state, gain=new / base, streak=0, wait=settings.cooldown, moves=moves)
    state = replace(state, events=(event,))
    if is_up and not has_learned(state):
        # The first loss alone may be low by chance; a window that stayed there knows better.
        state = replace(state, initial=median(state.levels[-settings.window :]))
    if not is_up:
        state = replace(state, levels=(), val_levels=())
    if is_collapse:
        peak = -math.inf if state.initial is None else state.initial
        n_collapses = state.n_collapses + 1
        state = replace(state, ceiling=new, best=math.inf, peak=peak)
        state = replace(state, n_collapses=n_collapses, collapse=state.n_intervals)
    if len(moves) < settings.max_moves or state.decay_step is not None:
        return state
    return _pause(settings, state)


def _pause(settings: Settings, state: State) -> State:
    """End the feedback: hold the gain for two windows, then decay by 1 / (1 + k t).

    With k = 1 / (steps done when the decay begins) the rate halves when the run is twice as old,
    whatever the unit of a step.
    """
    steps_per_interval = max(1, round(state.step / state.n_intervals))
    decay_step = state.step + 2 * settings.window * steps_per_interval
    reason = f"{len(state.moves)} moves are too many; the rate decays from step {decay_step}."
    return replace(state, decay_step=decay_step, events=(*state.events, Event("pause", reason)))


def _pause_factor(state: State, step: int) -> float:
    """Decay by 1 / (1 + (step - decay_step) / decay_step) after a pause."""
    if state.decay_step is None or step <= state.decay_step:
        return 1.0
    return state.decay_step / step


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
    is_falling = min(trend(values), trend(values[-settings.window :])) <= -critical(LENIENT)
    return len(values) == n and not is_falling
