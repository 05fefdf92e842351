"""Which symptom of a wrong rate a run shows: collapse, overshoot, undershoot, or none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from optuna_bisect.signals import (
    MIN_WINDOW,
    critical,
    elasticity,
    median,
    noise,
    trend,
    zigzag,
)

EventName = Literal["overshoot", "undershoot", "collapse", "pause", "anneal", "finished"]

LENIENT = 0.05
"""Significance of the tests whose false alarm costs little."""
LONG = 6
"""Windows without any descent that count as a plateau."""
_RECOVERY = 6
"""Levels after which an explosion that has not come down counts as a collapse."""
_MAX_EXPLOSIONS = 4
"""Explosions in a row, each at half the rate, after which they are taken for noise."""
_LOST = 0.8
"""Share of the progress whose loss is a collapse."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the feedback reads the losses; all lengths are counts of intervals.

    Args:
        feedback: Whether losses move the rate at all. A collapse always does.
        factor: What an overshoot multiplies the rate by, in (0, 1).
        growth_factor: What an undershoot multiplies the rate by, in (1, 1.5].
        window: Number of intervals that a test looks at, at least 4.
        significance: Chance of a false alarm of one overshoot test, in (0, 0.5).
        threshold: Elasticity of the progress (1 straight, 0 flat) above which the descent is
            too straight for so late in the run, which means undershoot. Above 0.
        patience: Undershoots in a row before the rate goes up, at least 1.
        cooldown: Intervals after a move in which nothing is judged, at least 0.
        max_moves: Moves within ten windows after which the feedback ends, at least 1.
        baseline: Training loss above which a loss that does not fall means undershoot, once
            the probe's horizon is over. None: only the run's own initial level counts.

    Raises:
        ValueError: If a value is outside its range.
    """

    feedback: bool = True
    factor: float = 0.5
    growth_factor: float = 1.5
    window: int = 8
    significance: float = 0.002
    threshold: float = 0.5
    patience: int = 2
    cooldown: int = 2
    max_moves: int = 12
    baseline: float | None = None

    def __post_init__(self) -> None:
        """Reject values outside their range."""
        least = {"window": MIN_WINDOW, "patience": 1, "cooldown": 0, "max_moves": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be at least {bound} but got {getattr(self, name)}.")
        if not 0 < self.factor < 1:
            raise ValueError(f"factor must be in (0, 1) but got {self.factor}.")
        if not 1 < self.growth_factor <= 1.5:
            raise ValueError(f"growth_factor must be in (1, 1.5] but got {self.growth_factor}.")
        if not 0 < self.significance < 0.5:
            raise ValueError(f"significance must be in (0, 0.5) but got {self.significance}.")
        if not self.threshold > 0:
            raise ValueError(f"threshold must be positive but got {self.threshold}.")


@dataclass(frozen=True)
class Event:
    """Something that belongs in the history: its name and a sentence why."""

    signal: EventName
    reason: str


@dataclass(frozen=True)
class State:
    """Everything that the next decision depends on.

    Attributes:
        step: Steps done at the end of the last interval.
        n_intervals: Intervals so far.
        n_calls: Losses in the mean of the last interval.
        gain: Factor of the feedback on the backbone.
        ceiling: Rate that growth may not pass: half (``factor``) of one that collapsed.
        initial: Loss before the first update.
        best: Lowest level, a median of four, since the last collapse.
        peak: Highest level since the last collapse and before real progress.
        levels: Mean training losses of the intervals since the last move down.
        val_levels: Validation losses since then, one for each interval that had any.
        streak: Undershoots in a row.
        wait: Intervals of cooldown left.
        moves: Intervals at which the rate was moved.
        n_collapses: Collapses in a row, less than six windows apart.
        collapse: Interval of the last one, None if there was none.
        decay_step: Step from which the rate decays by 1 / (1 + k t), None if it does not.
        annealing: Whether the final anneal has begun.
        finished: Whether the run is over: plateau of the validation loss, or ``final_steps``.
        events: What happened at the end of the last interval.
    """

    step: int = 0
    n_intervals: int = 0
    n_calls: int = 1
    gain: float = 1.0
    ceiling: float = math.inf
    initial: float | None = None
    best: float = math.inf
    peak: float = -math.inf
    levels: tuple[float, ...] = ()
    val_levels: tuple[float, ...] = ()
    streak: int = 0
    wait: int = 0
    moves: tuple[int, ...] = ()
    n_collapses: int = 0
    collapse: int | None = None
    decay_step: int | None = None
    annealing: bool = False
    finished: bool = False
    events: tuple[Event, ...] = ()


def find_collapse(state: State) -> Event | None:
    """Look for a return to chance level, or an explosion that does not come down.

    Args:
        state: The state after an interval.

    Returns:
        The event, or None.
    """
    if has_learned(state):
        recent = state.levels[-MIN_WINDOW:]
        is_lost = min(recent, default=-math.inf) > _initial(state) - (1 - _LOST) * _progress(state)
        if is_lost and len(recent) == MIN_WINDOW:
            return Event("collapse", "The loss is back at its initial level.")
        return None
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
    """Look for a rise, a swing, or a plateau of pure fluctuation.

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
    if len(state.levels) < LONG * n or not has_learned(state):
        return None
    if trend(state.levels) > -0.5 and zigzag(state.levels) > -critical(LENIENT):
        return Event("overshoot", f"The loss only fluctuated for {LONG * n} intervals.")
    return None


def find_undershoot(settings: Settings, state: State, probe_steps: int | None) -> Event | None:
    """Look for a descent that is still straight, or none at all.

    Every run is straight at its beginning, so nothing is judged before the horizon at which the
    start rate was the best.

    Args:
        settings: How losses are read.
        state: The state after an interval.
        probe_steps: That horizon in steps. None: unknown, so no verdict.

    Returns:
        The event, or None.
    """
    window = state.levels[-settings.window :]
    if len(window) < settings.window or probe_steps is None or state.step < probe_steps:
        return None
    fall = -trend(window)
    if has_learned(state):
        straightness = elasticity(window, _initial(state), state.n_intervals)
        if fall > critical(LENIENT) and straightness > settings.threshold:
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


def _has_moved(state: State) -> bool:
    """Tell whether the loss fell as a whole, or may have exploded: staying level may be death."""
    if trend(state.levels) < -critical(LENIENT):
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
    single = noise(state.levels) * math.sqrt(state.n_calls)
    excursion = state.peak - _initial(state)
    n_deviations = 4 + 24 / max(1, len(state.levels))
    return _progress(state) > max(n_deviations * single, 0.1 * excursion)
