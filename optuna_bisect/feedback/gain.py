"""How one event moves the gain of the rate, and when too many moves end the feedback."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from optuna_bisect.feedback.detectors import has_learned
from optuna_bisect.feedback.state import Event

if TYPE_CHECKING:
    from optuna_bisect.feedback.schedule import Schedule
    from optuna_bisect.feedback.settings import Settings
    from optuna_bisect.feedback.state import State

# Moves of less than 5 %, at a limit, are not worth a cooldown.
_LEAST_MOVE = 0.05
# Windows in which moves are counted: too many of them end the feedback.
_MOVES_SPAN = 10


def move(schedule: Schedule, settings: Settings, state: State, event: Event) -> State:
    """Move the gain up or down as an event asks, and note the event; do neither at a limit."""
    is_up, is_collapse = event.signal == "undershoot", event.signal == "collapse"
    base = schedule.backbone(state.step) * pause_factor(state, state.step)
    old = schedule.clamp(base * state.gain, state.step)
    new = schedule.clamp(old * (settings.growth_factor if is_up else settings.factor), state.step)
    if is_up:
        new = max(old, min(new, state.ceiling))
    if abs(math.log(new / old)) < _LEAST_MOVE and not is_collapse:
        return replace(state, streak=0)
    first = state.n_intervals - _MOVES_SPAN * settings.window + 1
    moves = tuple(i for i in (*state.moves, state.n_intervals) if i >= first)
    wait = settings.cooldown
    state = replace(state, gain=new / base, streak=0, wait=wait, moves=moves, events=(event,))
    if is_up and not has_learned(state):
        # The first loss alone may be low by chance; a window that stayed there knows better.
        state = replace(state, initial=median(state.levels[-settings.window :]))
    if not is_up:
        # What was too high stays too high: the fall that follows a cut must not raise it again.
        past, ceiling = state.past.cut_here(), min(state.ceiling, new)
        state = replace(state, past=past, levels=(), val_levels=(), ceiling=ceiling)
    if is_collapse:
        state = _forget_progress(replace(state, ceiling=new))
    if len(moves) < settings.max_moves or state.decay_step is not None:
        return state
    return _pause(settings, state)


def _forget_progress(state: State) -> State:
    """Count a collapse, and begin to learn anew from the initial loss."""
    return replace(
        state,
        best=math.inf,
        peak=state.initial if math.isfinite(state.initial) else -math.inf,
        learned=False,
        n_collapses=state.n_collapses + 1,
        collapse=state.n_intervals,
    )


def _pause(settings: Settings, state: State) -> State:
    """End the feedback: hold the gain for two windows, then decay by 1 / (1 + k t).

    With k = 1 / (steps done when the decay begins) the rate halves when the run is twice as old,
    whatever the unit of a step.
    """
    steps_per_interval = max(1, round((state.step - state.begin) / state.n_intervals))
    decay_step = state.step + 2 * settings.window * steps_per_interval
    reason = f"{len(state.moves)} moves are too many; the rate decays from step {decay_step}."
    return replace(state, decay_step=decay_step, events=(*state.events, Event("pause", reason)))


def pause_factor(state: State, step: int) -> float:
    """Return the factor of the decay after too many moves, 1.0 where the feedback goes on."""
    if state.decay_step is None or step <= state.decay_step:
        return 1.0
    return state.decay_step / step
