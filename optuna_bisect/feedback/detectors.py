"""Which symptom of a wrong rate a run shows: collapse, stall, overshoot, undershoot, or none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna_bisect.feedback.state import Event
from optuna_bisect.feedback.trend_tests import (
    MIN_WINDOW,
    critical,
    elasticity,
    median,
    noise,
    serial,
    trend,
    zigzag,
)

if TYPE_CHECKING:
    from optuna_bisect.feedback.state import Settings, State

LENIENT = 0.05
"""Significance of the tests whose false alarm costs little."""
LONG = 6
"""Windows that the longest memory of single levels spans."""
_RECOVERY = 6
"""Levels after which an explosion that has not come down counts as a collapse."""
_MAX_EXPLOSIONS = 4
"""Explosions in a row, each at half the rate, after which they are taken for noise."""
_MIN_STALL = 8
"""The shortest stall, in intervals."""
_SWING = 0.07
"""Deviation of a level, as a share of the progress, beyond which a descent must be significant:
near the edge of stability losses swing, at stable rates hardly by half as much."""
_SURE = 0.0005
"""Significance of a fall that proves progress for good."""
_CLEAR = 4.0
"""Deviations of a level by which a fall stands out that was not proven while it lasted."""
_LOST = 0.8
"""Share of the progress whose loss is a collapse."""


def find_collapse(state: State) -> Event | None:
    """Look for a return to chance level, or an explosion that does not come down.

    Args:
        state: The state after an interval.

    Returns:
        The event, or None.
    """
    if has_learned(state):
        if _is_lost(state, MIN_WINDOW):
            return Event("collapse", "The loss is back at its initial level.")
        return None
    if _has_returned(state):
        return Event("collapse", "The loss fell and is back at its initial level.")
    if state.n_collapses >= _MAX_EXPLOSIONS:
        return None
    recent = state.levels[-_RECOVERY:]
    excursion = state.peak - _initial(state)
    if len(recent) < _RECOVERY or median(recent) < _initial(state) - 0.1 * excursion:
        return None
    # The initial loss is a single one, so it is as uncertain as one, not as a mean; and few
    # levels may look quieter than they are.
    *lower, _ = sorted(recent)
    spread = max((lower[-1] - lower[0]) / 2, noise(state.levels))
    n_deviations = 6 + 60 / len(state.levels)
    if excursion <= n_deviations * spread * math.sqrt(state.n_calls):
        return None
    # A spike that recovers is no collapse: 10 % of healthy runs show one.
    since = recent[recent.index(state.peak) :] if state.peak in recent else recent
    is_fresh = len(since) < MIN_WINDOW - 1 and min(recent) <= _initial(state)
    if is_fresh or trend(since) <= -1:
        return None
    return Event("collapse", "The loss rose above its initial level and did not come back below.")


def find_overshoot(settings: Settings, state: State) -> Event | None:
    """Look for a rise or a swing.

    Args:
        settings: How losses are read.
        state: The state after an interval.

    Returns:
        The event, or None.
    """
    n, limit = settings.window, critical(settings.significance)
    window, long = state.levels[-n:], state.levels[-2 * n :]
    if trend(window) > limit:
        return Event("overshoot", f"The smoothed loss rose over {len(window)} intervals.")
    if trend(state.val_levels[-n:]) > limit and len(window) >= MIN_WINDOW and trend(window) < 0:
        return Event("overshoot", "The validation loss rises while the training loss falls.")
    if trend(long) > -critical(LENIENT) and zigzag(long) > limit:
        return Event("overshoot", "The sign of the change flips at almost every interval.")
    return None


def find_stall(state: State) -> Event | None:
    """Look for a run that has become three times as old without any descent.

    A loss that falls like a power of time falls as surely from one third of the run to its end,
    however long the run is; so nothing here depends on the unit of a step, and the window is
    the longer, the slower the descent has become. Where the loss swings as well, it is not enough
    that it may still fall.

    Args:
        state: The state after an interval.

    Returns:
        The event, or None.
    """
    n = len(state.past)
    window = state.past[max(state.cut, n // 3) :]
    if len(window) < max(_MIN_STALL, n / 3) or not has_learned(state):
        return None
    is_swinging = noise(state.levels[-2 * _MIN_STALL :]) > _SWING * _progress(state)
    is_swinging &= len(window) >= 1.5 * _MIN_STALL
    fall = -trend(window)
    if fall > (critical(LENIENT) if is_swinging else 0.0):
        return None
    if fall > 0:
        return Event("stall", "The loss swings, and hardly falls any more.")
    return Event("stall", "The run is three times as old as when its loss last fell.")


def find_undershoot(settings: Settings, state: State, probe_steps: int | None) -> Event | None:
    """Look for a descent that is still straight, or none at all.

    Every run is straight at its beginning, so nothing is judged before the horizon at which the
    start rate was the best, and until twice that only what is twice as straight.

    Args:
        settings: How losses are read.
        state: The state after an interval.
        probe_steps: That horizon in steps. None: unknown, so no verdict.

    Returns:
        The event, or None.
    """
    window = state.levels[-settings.window :]
    age = state.step - state.begin
    if len(window) < settings.window or probe_steps is None or age < probe_steps:
        return None
    fall = -trend(window)
    if has_learned(state):
        straightness = elasticity(window, _initial(state), state.n_intervals)
        is_early = age < 2 * probe_steps
        if fall > critical(LENIENT) and straightness > (1 + is_early) * settings.threshold:
            return Event("undershoot", "The loss still falls in a straight line.")
    elif abs(fall) < critical(LENIENT) and not _has_moved(state):
        return Event("undershoot", "The loss has not left its initial level.")
    if settings.baseline is not None and min(window) > settings.baseline and fall < 1:
        return Event("undershoot", f"The loss stays above the baseline {settings.baseline:g}.")
    return None


def is_healthy(state: State) -> bool:
    """Tell whether the weights are worth keeping as a snapshot.

    Args:
        state: The state after an interval.

    Returns:
        Whether the run has learned and its last four levels kept half of the progress.
    """
    recent = state.levels[-MIN_WINDOW:]
    if len(recent) < MIN_WINDOW or not has_learned(state):
        return False
    return max(recent) < _initial(state) - 0.5 * _progress(state)


def _is_lost(state: State, n: int) -> bool:
    """Tell whether the last n levels have all lost nearly the whole progress."""
    recent = state.levels[-n:]
    bar = _initial(state) - (1 - _LOST) * _progress(state)
    return len(recent) == n and min(recent) > bar


def _has_fallen(state: State) -> bool:
    """Tell whether the loss was clearly lower once, by the noise of the levels now."""
    return _progress(state) > _CLEAR * noise(state.levels[-_RECOVERY:])


def _has_returned(state: State) -> bool:
    """Tell whether a fall too wild to be proven while it lasted is lost."""
    if not (_is_lost(state, _RECOVERY) and _has_fallen(state)):
        return False
    # Six levels may look quieter than they are; so the fall must show in the order as well.
    return serial(state.levels) >= critical(LENIENT)


def _has_moved(state: State) -> bool:
    """Tell whether the loss has wandered, or may have exploded: staying level may be death."""
    if _has_fallen(state) or serial(state.levels) > critical(LENIENT):
        return True
    return state.peak - _initial(state) > 6 * noise(state.levels) * math.sqrt(state.n_calls)


def _initial(state: State) -> float:
    return math.inf if state.initial is None else state.initial


def _progress(state: State) -> float:
    return _initial(state) - state.best


def has_learned(state: State) -> bool:
    """Tell whether the progress stands out of the noise of one loss and of a recovery.

    Args:
        state: The state after an interval.

    Returns:
        Whether the best level lies clearly below the initial loss.
    """
    if state.learned:
        return True
    level = noise(state.levels)
    single = level * math.sqrt(state.n_calls)
    excursion = state.peak - _initial(state)
    if trend(state.past[state.cut :]) < -critical(_SURE):
        # A fall as a whole proves the progress, however wild the losses have become since.
        return _progress(state) > max(4 * level, 0.1 * excursion)
    n_deviations = 4 + 24 / max(1, len(state.levels))
    return _progress(state) > max(n_deviations * single, 0.1 * excursion)
