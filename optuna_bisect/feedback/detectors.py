"""Which symptom of a wrong rate a run shows: collapse, stall, overshoot, undershoot, or none.

Each ``find_*`` looks at the state after an interval and returns the event that it finds, or None.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from optuna_bisect.feedback.state import Event
from optuna_bisect.feedback.trend_tests import (
    MIN_WINDOW,
    critical_value,
    elasticity,
    serial_correlation,
    trend,
    zigzag,
)
from optuna_bisect.verdicts.curve import noise_of

if TYPE_CHECKING:
    from optuna_bisect.feedback.settings import Settings
    from optuna_bisect.feedback.state import State

_OVERFITS = "Over-fitting: the validation loss rises while the training loss falls."
# Score that proves a trend where a false alarm costs little: noise reaches it in 5 % of tests.
LENIENT = critical_value(0.05)
# Windows that the longest memory of single levels spans.
LONG = 6
# Levels after which an explosion that has not come down counts as a collapse.
_RECOVERY = 6
# Explosions in a row, each at a lower rate, after which they are taken for noise.
_MAX_EXPLOSIONS = 4
# A loss that has come down by this share of its highest rise has recovered from it; progress
# below this share of the rise proves nothing.
_RECOVERED = 0.1
# Deviations of one loss by which an explosion stands out, and progress. The second number is
# divided by the number of levels and added: few levels may look quieter than they are.
_EXPLOSION = (6.0, 60.0)
_PROGRESS = (4.0, 24.0)
# The shortest stall, in intervals, and the shortest one of a loss that swings.
_MIN_STALL, _MIN_SWINGING_STALL = 8, 12
# Deviation of a level, as a share of the progress, beyond which a descent must be significant:
# near the edge of stability losses swing, at stable rates hardly by half as much.
_SWING = 0.07
# Score of a fall that proves progress for good: noise reaches it in 0.05 % of tests.
_SURE = critical_value(0.0005)
# Deviations of a level by which a fall stands out from the noise of levels.
_CLEAR = 4.0
# Share of the progress whose loss is a collapse, and whose loss leaves no healthy weights.
_LOST, _UNHEALTHY = 0.8, 0.5


def find_collapse(state: State) -> Event | None:
    """Look for a return to chance level, or an explosion that does not come down."""
    if has_learned(state):
        if _is_lost(state, MIN_WINDOW):
            return Event("collapse", "The loss is back at its initial level.")
        return None
    if _has_returned(state):
        return Event("collapse", "The loss fell and is back at its initial level.")
    if state.n_collapses < _MAX_EXPLOSIONS and _has_exploded(state):
        reason = "The loss rose above its initial level and did not come back below."
        return Event("collapse", reason)
    return None


def find_overshoot(settings: Settings, state: State) -> Event | None:
    """Look for a rise or a swing."""
    n, limit = settings.window, critical_value(settings.significance)
    window, long = state.levels[-n:], state.levels[-2 * n :]
    if trend(window) > limit:
        return Event("overshoot", f"The smoothed loss rose over {len(window)} intervals.")
    if trend(state.val_levels[-n:]) > limit and len(window) >= MIN_WINDOW and trend(window) < 0:
        return Event("overshoot", _OVERFITS)
    if trend(long) > -LENIENT and zigzag(long) > limit:
        return Event("overshoot", "The sign of the change flips at almost every interval.")
    return None


def find_stall(state: State) -> Event | None:
    """Look for a run that has become three times as old without any descent.

    A loss that falls like a power of time falls as surely from one third of the run to its end,
    however long the run is; so nothing here depends on the unit of a step, and the window is
    the longer, the slower the descent has become. Where the loss swings as well, it is not enough
    that it may still fall.
    """
    n = len(state.past.parts)
    window = state.past.parts[max(state.past.cut, n // 3) :]
    if len(window) < max(_MIN_STALL, n / 3) or not has_learned(state):
        return None
    swing = noise_of(state.levels[-2 * _MIN_STALL :])
    is_swinging = swing > _SWING * state.progress and len(window) >= _MIN_SWINGING_STALL
    fall = -trend(window)
    if fall > (LENIENT if is_swinging else 0.0):
        return None
    if fall > 0:
        return Event("stall", "The loss swings, and hardly falls any more.")
    return Event("stall", "The run is three times as old as when its loss last fell.")


def find_undershoot(settings: Settings, state: State, probe_steps: int | None) -> Event | None:
    """Look for a descent that is still straight, or none at all.

    Every run is straight at its beginning, so nothing is judged before ``probe_steps``, the
    horizon at which the start rate was the best, and until twice that only what is twice as
    straight. Where that horizon is unknown, nothing is judged.
    """
    window = state.levels[-settings.window :]
    age = state.step - state.begin
    if len(window) < settings.window or probe_steps is None or age < probe_steps:
        return None
    fall = -trend(window)
    if has_learned(state):
        straightness = elasticity(window, state.initial, state.n_intervals)
        is_early = age < 2 * probe_steps
        if fall > LENIENT and straightness > (1 + is_early) * settings.threshold:
            return Event("undershoot", "The loss still falls in a straight line.")
    elif abs(fall) < LENIENT and not _has_moved(state):
        return Event("undershoot", "The loss has not left its initial level.")
    if settings.baseline is not None and min(window) > settings.baseline and fall < 1:
        return Event("undershoot", f"The loss stays above the baseline {settings.baseline:g}.")
    return None


def is_healthy(state: State) -> bool:
    """Tell whether the run has learned, and its last four levels kept half of the progress."""
    recent = state.levels[-MIN_WINDOW:]
    if len(recent) < MIN_WINDOW or not has_learned(state):
        return False
    return max(recent) < state.initial - _UNHEALTHY * state.progress


def has_learned(state: State) -> bool:
    """Tell whether the progress stands out of the noise of one loss and of a recovery."""
    if state.learned:
        return True
    level, least = noise_of(state.levels), _RECOVERED * state.excursion
    if trend(state.past.parts[state.past.cut :]) < -_SURE:
        # A fall as a whole proves the progress, however wild the losses have become since.
        return state.progress > max(_CLEAR * level, least)
    single = level * math.sqrt(state.n_calls)
    return state.progress > max(_deviations(_PROGRESS, state) * single, least)


def _deviations(bar: tuple[float, float], state: State) -> float:
    return bar[0] + bar[1] / max(1, len(state.levels))


def _is_lost(state: State, n: int) -> bool:
    """Tell whether the last n levels have all lost nearly the whole progress."""
    recent = state.levels[-n:]
    return len(recent) == n and min(recent) > state.initial - (1 - _LOST) * state.progress


def _has_fallen(state: State) -> bool:
    """Tell whether the loss was clearly lower once, by the noise of the levels now."""
    return state.progress > _CLEAR * noise_of(state.levels[-_RECOVERY:])


def _has_returned(state: State) -> bool:
    """Tell whether a fall too wild to be proven while it lasted is lost."""
    if not (_is_lost(state, _RECOVERY) and _has_fallen(state)):
        return False
    # Six levels may look quieter than they are; so the fall must show in the order as well.
    return serial_correlation(state.levels) >= LENIENT


def _has_exploded(state: State) -> bool:
    """Tell whether the loss rose far above the initial one and does not come down."""
    recent = state.levels[-_RECOVERY:]
    bar = state.initial - _RECOVERED * state.excursion
    if len(recent) < _RECOVERY or median(recent) < bar:
        return False
    # The initial loss is a single one, so it is as uncertain as one, not as a mean. The highest
    # level is the explosion itself.
    *lower, _ = sorted(recent)
    spread = max((lower[-1] - lower[0]) / 2, noise_of(state.levels))
    if state.excursion <= _deviations(_EXPLOSION, state) * spread * math.sqrt(state.n_calls):
        return False
    # A spike that recovers is no collapse: 10 % of healthy runs show one.
    since = recent[recent.index(state.peak) :] if state.peak in recent else recent
    is_fresh = len(since) < MIN_WINDOW - 1 and min(recent) <= state.initial
    return not is_fresh and trend(since) > -1


def _has_moved(state: State) -> bool:
    """Tell whether the loss has wandered, or may have exploded: staying level may be death."""
    if _has_fallen(state) or serial_correlation(state.levels) > LENIENT:
        return True
    single = noise_of(state.levels) * math.sqrt(state.n_calls)
    return state.excursion > _EXPLOSION[0] * single
