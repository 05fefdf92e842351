"""What Phase 2 remembers between two decisions, and how it reads the losses."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from optuna_bisect.feedback.race import Race
from optuna_bisect.feedback.trend_tests import MIN_WINDOW

EventName = Literal[
    "leg",
    "settled",
    "overshoot",
    "undershoot",
    "stall",
    "collapse",
    "pause",
    "anneal",
    "finished",
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the feedback reads the losses; all lengths are counts of intervals.

    Args:
        feedback: Whether losses move the rate at all. A collapse always does.
        factor: What an overshoot, a stall or a collapse multiplies the rate by, in (0, 1).
        growth_factor: What an undershoot multiplies the rate by, in (1, 2].
        window: Number of intervals that a test looks at, at least 4.
        significance: Chance of a false alarm of one overshoot test, in (0, 0.5).
        threshold: Elasticity of the progress (1 straight, 0 flat) above which the descent is
            too straight for so late in the run, which means undershoot. Above 0. `BisectionLR`
            asks for 0.2 after a race, which knows the rate only to a factor of three.
        patience: Undershoots in a row before the rate goes up, at least 1.
        cooldown: Intervals after a move in which nothing is judged, at least 0.
        max_moves: Moves within ten windows after which the feedback ends, at least 1.
        baseline: Training loss above which a loss that does not fall means undershoot, once
            the probe's horizon is over. None: only the run's own initial level counts.

    Raises:
        ValueError: If a value is outside its range.
    """

    feedback: bool = True
    factor: float = 1 / 3
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
        if not 1 < self.growth_factor <= 2:
            raise ValueError(f"growth_factor must be in (1, 2] but got {self.growth_factor}.")
        if not 0 < self.significance < 0.5:
            raise ValueError(f"significance must be in (0, 0.5) but got {self.significance}.")
        if not self.threshold > 0:
            raise ValueError(f"threshold must be positive but got {self.threshold}.")


@dataclass(frozen=True)
class Event:
    """Something that belongs in the history: its name and a sentence why."""

    signal: EventName
    reason: str


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


@dataclass(frozen=True)
class State:
    """Everything that the next decision depends on.

    Attributes:
        step: Steps done at the end of the last interval.
        n_intervals: Intervals so far; after a race, those that the weights have seen.
        n_calls: Losses in the mean of the last interval.
        gain: Factor of the feedback on the backbone.
        ceiling: Rate that growth may not pass: the one after the last move down.
        initial: Loss before the first update.
        best: Lowest level, a median of four, since the last collapse.
        peak: Highest level since the last collapse and before real progress.
        learned: Whether the progress since the last collapse has ever stood out of the noise.
        levels: Mean training losses of the intervals since the last move down.
        val_levels: Validation losses since then, one for each interval that had any.
        past: Mean training losses of the whole run, in parts of equal length.
        span: Intervals in one part.
        rest: Levels of the part that is not full.
        cut: Number of parts before the last move down.
        streak: Undershoots in a row.
        wait: Intervals of cooldown left.
        moves: Intervals at which the rate was moved.
        n_collapses: Collapses in a row, less than six windows apart.
        collapse: Interval of the last one, None if there was none.
        decay_step: Step from which the rate decays by 1 / (1 + k t), None if it does not.
        annealing: Whether the final anneal has begun.
        finished: Whether the run is over: plateau of the validation loss, or ``final_steps``.
        race: The race at the beginning of the run, None without one.
        settled: Interval at which the race was over.
        begin: Steps that were lost with legs: the weights have seen ``step - begin``.
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
    learned: bool = False
    levels: tuple[float, ...] = ()
    val_levels: tuple[float, ...] = ()
    past: tuple[float, ...] = ()
    span: int = 1
    rest: tuple[float, ...] = ()
    cut: int = 0
    streak: int = 0
    wait: int = 0
    moves: tuple[int, ...] = ()
    n_collapses: int = 0
    collapse: int | None = None
    decay_step: int | None = None
    annealing: bool = False
    finished: bool = False
    race: Race | None = None
    settled: int = 0
    begin: int = 0
    events: tuple[Event, ...] = ()


def pack(state: State) -> dict[str, Any]:
    """Turn a state into numbers, strings, lists and dictionaries; its events are left out."""
    packed = asdict(replace(state, events=()))
    return {key: _lists(value) for key, value in packed.items()}


def unpack(packed: dict[str, Any]) -> State:
    """Turn them back into the state."""
    fields = {key: _tuples(value) for key, value in packed.items()}
    race = packed["race"]
    if race is not None:
        fields["race"] = Race(**{key: _tuples(value) for key, value in race.items()})
    return State(**fields)


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
