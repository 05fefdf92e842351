"""What the feedback is told by one interval, and what it remembers between two decisions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal

from optuna_bisect.feedback.legs import Race

EventName = Literal[
    "leg", "settled", "overshoot", "undershoot", "stall", "collapse", "pause", "anneal", "finished"
]

# The past of a run is kept in fewer parts than this.
_MAX_PARTS = 128


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
        first: First training loss in it. That of the first interval is the initial level.
        val: Last validation loss in it, None if there was none.
        n_calls: Number of training losses in the mean.
    """

    step: int
    train: float
    first: float
    val: float | None = None
    n_calls: int = 1

    @property
    def is_finite(self) -> bool:
        """Whether both losses are finite; a validation loss that is missing counts as finite."""
        return math.isfinite(self.train) and math.isfinite(self.val or 0.0)


@dataclass(frozen=True)
class Past:
    """The mean losses of a whole run in parts of equal length; a long run has longer parts.

    Attributes:
        parts: Mean training loss of each part.
        span: Intervals in one part.
        rest: Levels of the part that is not full.
        cut: Number of parts before the last move down.
    """

    parts: tuple[float, ...] = ()
    span: int = 1
    rest: tuple[float, ...] = ()
    cut: int = 0

    def add(self, level: float) -> Past:
        """Add the level of one interval; what grows too long becomes half as fine."""
        rest = (*self.rest, level)
        if len(rest) < self.span:
            return replace(self, rest=rest)
        parts = (*self.parts, fmean(rest))
        if len(parts) < _MAX_PARTS:
            return replace(self, parts=parts, rest=())
        return Past(pair_means(parts), 2 * self.span, (), self.cut // 2)

    def cut_here(self) -> Past:
        """Note a move down; the part that it falls into is dropped."""
        return replace(self, cut=len(self.parts), rest=())


def pair_means(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Return the mean of each two neighbours; a last one without a neighbour is dropped."""
    return tuple(fmean(pair) for pair in zip(levels[::2], levels[1::2]))


@dataclass(frozen=True)
class State:
    """Everything that the next decision depends on.

    Attributes:
        step: Steps done at the end of the last interval.
        n_intervals: Intervals so far; after a race, those that the weights have seen.
        n_calls: Losses in the mean of the last interval.
        gain: Factor of the feedback on the backbone.
        ceiling: Rate that growth may not pass: the one after the last move down.
        initial: Loss before the first update, infinite until it is known.
        best: Lowest level, a median of four, since the last collapse.
        peak: Highest level since the last collapse and before real progress.
        learned: Whether the progress since the last collapse has ever stood out of the noise.
        levels: Mean training losses of the intervals since the last move down.
        val_levels: Validation losses since then, one for each interval that had any.
        past: Mean training losses of the whole run.
        streak: Undershoots in a row.
        wait: Intervals of cooldown left.
        moves: Intervals at which the rate was moved.
        n_collapses: Collapses in a row, less than six windows apart.
        collapse: Interval of the last one, None if there was none.
        decay_step: Step from which the rate decays by 1 / (1 + k t), None if it does not.
        annealing: Whether the final anneal has begun.
        finished: Whether the run is over: plateau of the validation loss, or ``final_steps``.
        race: The race at the beginning of the run, None without one.
        begin: Steps that were lost with legs: the weights have seen ``step - begin``.
        events: What happened at the end of the last interval.
    """

    step: int = 0
    n_intervals: int = 0
    n_calls: int = 1
    gain: float = 1.0
    ceiling: float = math.inf
    initial: float = math.inf
    best: float = math.inf
    peak: float = -math.inf
    learned: bool = False
    levels: tuple[float, ...] = ()
    val_levels: tuple[float, ...] = ()
    past: Past = Past()
    streak: int = 0
    wait: int = 0
    moves: tuple[int, ...] = ()
    n_collapses: int = 0
    collapse: int | None = None
    decay_step: int | None = None
    annealing: bool = False
    finished: bool = False
    race: Race | None = None
    begin: int = 0
    events: tuple[Event, ...] = ()

    @property
    def progress(self) -> float:
        """How far the best level lies below the initial loss."""
        return self.initial - self.best

    @property
    def excursion(self) -> float:
        """How far the highest level lies above the initial loss."""
        return self.peak - self.initial

    @property
    def signals(self) -> set[EventName]:
        """The names of the events."""
        return {event.signal for event in self.events}

    @property
    def is_racing(self) -> bool:
        """Whether the rates of a race are still compared."""
        return self.race is not None and not self.race.is_over


def pack(state: State) -> dict[str, Any]:
    """Turn a state into numbers, strings, tuples and dictionaries; its events are left out."""
    return asdict(replace(state, events=()))


def unpack(packed: dict[str, Any]) -> State:
    """Turn them back into the state."""
    race = packed["race"] and Race(**packed["race"])
    return State(**(packed | {"race": race, "past": Past(**packed["past"])}))
