"""The beginning of a run as a race: the start rate against three times higher and lower ones.

Where the first weights can be put back, a doubtful rate need not be judged by the shape of its own
curve: a few legs, each from the first weights, compare rates at equal steps, which is what the
search did with probes. The leg that wins is kept as the beginning of the run, so that only the
legs that lose cost anything, and those are cut at half their length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from optuna_bisect.feedback.trend_tests import noise

SPACING = 3.0
"""Ratio of neighbouring rates: the spacing of the search."""
MAX_LEGS = 8
"""Legs after which the best one so far wins."""
_TAIL = 3
"""Levels whose mean is compared."""
_STRAIGHT = 0.5
"""Elasticity above which a leg is too straight for a rate that is too high."""
_UNBENT = 1.2
"""Elasticity above which a leg is still accelerating, and short legs flatter high rates."""
_EXCURSION = 0.1
"""Rise above the initial loss, as a share of the progress, that is no mere noise."""
_SURE = 2.0
"""Lead in standard deviations of a level, beyond which the rate that lost is never tried again."""
_CLEAR_PROGRESS = 4.0
"""Progress in standard deviations of a level, below which legs cannot be told apart."""
_WIN = 1.1
"""What the winner's progress must exceed the other's by, as a ratio."""
_WIN_UNBENT = 2.0
"""The same for a higher rate than one whose leg accelerates: a rate that is too low gives three
times less, and short legs flatter high rates."""
_BEHIND = 0.8
"""Share of the best progress at half a leg, below which a lower rate is cut: it bends later, and a
whole run wants lower rates than a leg."""
_CLEAR = 1.25
"""The ratio from which the next rate in that direction is worth a leg, however flat the curve."""

Direction = Literal["up", "down", "over"]
Return = Literal["nothing", "first", "best"]


@dataclass(frozen=True)
class Race:
    """Where the race stands.

    Attributes:
        rate: Rate of the present leg.
        n_levels: Intervals in a leg.
        low: Lowest rate allowed.
        high: Highest rate allowed.
        levels: Mean losses of the present leg so far.
        best_rate: Rate of the best leg, None while every one has collapsed.
        best: Its levels.
        firsts: The first loss of each leg, all of the same weights.
        direction: Where the present leg looks, ``"over"`` after the race.
        ratio: What the progress of the present leg must exceed the best one's by.
        n_legs: Legs begun.
        ceiling: Lowest rate that lost against a lower one.
        keeps: Whether the end of the leg that is over is the best so far.
        returns: Which weights the caller puts back now.
    """

    rate: float
    n_levels: int
    low: float = 0.0
    high: float = math.inf
    levels: tuple[float, ...] = ()
    best_rate: float | None = None
    best: tuple[float, ...] = ()
    firsts: tuple[float, ...] = ()
    direction: Direction = "up"
    ratio: float = _WIN
    n_legs: int = 1
    ceiling: float = math.inf
    keeps: bool = False
    returns: Return = "nothing"

    @property
    def initial(self) -> float:
        """Loss before the first update: the mean over all legs."""
        return fmean(self.firsts or (0.0,))

    @property
    def is_over(self) -> bool:
        """Whether the run goes on with the best leg."""
        return self.direction == "over"


def advance_race(race: Race, level: float, first: float) -> Race:
    """Take in one interval.

    Args:
        race: The race before it.
        level: Mean loss of the interval.
        first: Its first loss.

    Returns:
        The race after it; ``keeps`` and ``returns`` say what to do with the weights, in this
        order.
    """
    if not race.levels and math.isfinite(first):
        race = replace(race, firsts=(*race.firsts, first))
    race = replace(race, levels=(*race.levels, level), keeps=False, returns="nothing")
    if not race.firsts or not math.isfinite(level) or _is_lost(race):
        return _choose(race, is_won=False)
    if len(race.levels) < race.n_levels:
        return race
    is_won = not race.best or _progress(race, race.levels) > _bar(race, race.ratio)
    return _choose(race, is_won=is_won)


def reopen(race: Race) -> Race:
    """Go on a third lower from the first weights, after a collapse soon after the race.

    Args:
        race: A race that is over.

    Returns:
        The race, open again; the same one where there is no leg left, or no lower rate.
    """
    rate = race.rate / SPACING
    if race.n_legs >= MAX_LEGS or rate < race.low:
        return race
    return replace(
        race,
        rate=rate,
        levels=(),
        best_rate=None,
        best=(),
        n_legs=race.n_legs + 1,
        direction="down",
        ceiling=min(race.ceiling, race.rate),
        keeps=False,
        returns="first",
    )


def _progress(race: Race, levels: tuple[float, ...]) -> float:
    return race.initial - fmean(levels[-_TAIL:])


def _bar(race: Race, ratio: float) -> float:
    """Return what a leg must exceed: the best one's progress, for a higher rate with a margin."""
    progress = _progress(race, race.best[: len(race.levels)])
    error = noise(race.best) / math.sqrt(_TAIL)
    if race.direction == "down" and ratio == _WIN:
        # The lower one of two rates that a leg cannot tell apart is the better one for the run.
        return progress - error
    return progress + max((ratio - 1) * abs(progress), error)


def _is_beaten(race: Race) -> bool:
    """Tell whether a leg that lost is worse than the best one, not only too little better."""
    behind = _progress(race, race.levels) <= _progress(race, race.best[: len(race.levels)])
    return race.ratio == _WIN or behind


def _is_lost(race: Race) -> bool:
    """Tell whether the leg can be cut: above the initial loss, or behind at half its length."""
    n = len(race.levels)
    if race.best:
        share = _BEHIND if race.direction == "down" else 1.0
        bar = share * _progress(race, race.best[:n])
        return n >= race.n_levels // 2 and _progress(race, race.levels) <= bar
    # Without another leg only a clear explosion counts: healthy runs begin with a spike as well.
    swing = abs(race.levels[0] - race.initial)
    return n > race.n_levels // 2 and min(race.levels[-4:]) > max(race.initial, race.levels[0]) + (
        swing + 2 * noise(race.levels)
    )


def _choose(race: Race, *, is_won: bool) -> Race:
    """End the leg: keep it or not, and choose the next one."""
    rate, is_first = race.rate, race.best_rate is None
    is_clear = is_won and not is_first and _progress(race, race.levels) > _bar(race, _CLEAR)
    if is_won:
        gain = _progress(race, race.levels) - _progress(race, race.best or race.levels)
        if race.direction == "down" and gain > _SURE * noise(race.best):
            race = replace(race, ceiling=min(race.ceiling, rate * SPACING**0.5))
        race = replace(race, keeps=True, best_rate=rate, best=race.levels)
    elif is_first or (race.direction == "up" and _is_beaten(race)):
        race = replace(race, ceiling=min(race.ceiling, rate))
    direction = _turn(race, is_won=is_won, is_first=is_first, is_clear=is_clear)
    if direction != "over":
        base = rate if race.best_rate is None else race.best_rate
        following = base * SPACING if direction == "up" else base / SPACING
        if race.low * (1 - 1e-9) <= following <= race.high * (1 + 1e-9):
            following = min(max(following, race.low), race.high)
            is_flattered = direction == "up" and _elasticity(race) > _UNBENT
            return replace(
                race,
                rate=following,
                levels=(),
                n_legs=race.n_legs + 1,
                direction=direction,
                ratio=_WIN_UNBENT if is_flattered else _WIN,
                returns="first",
            )
    # Where every leg collapsed, the lowest rate goes on from the first weights.
    back: Return = "first" if race.best_rate is None else "best"
    last = rate if race.best_rate is None else race.best_rate
    return replace(race, rate=last, direction="over", returns="nothing" if is_won else back)


def _turn(race: Race, *, is_won: bool, is_first: bool, is_clear: bool) -> Direction:
    """Say where to look next."""
    if race.n_legs >= MAX_LEGS:
        return "over"
    if is_first and not is_won:
        return "down"
    if is_first and race.direction == "down":
        # Everything above has collapsed.
        return "down"
    if is_first:
        return _first_turn(race)
    if not is_won and race.direction == "up" and race.n_legs == 2:
        return "over" if race.ratio > _WIN else "down"
    return race.direction if is_won and is_clear else "over"


def _first_turn(race: Race) -> Direction:
    """Read the first leg: too straight, bent, or nothing that a race could decide.

    What is not decided here is left to the feedback, which sees more of the curve.
    """
    progress, elasticity = _progress(race, race.levels), _elasticity(race)
    if progress < _CLEAR_PROGRESS * noise(race.levels):
        return "down"
    # What first exploded and now recovers is straight as well, but no sign of a low rate.
    is_excited = max(race.levels) > race.initial + _EXCURSION * progress
    if elasticity > _UNBENT:
        return "down" if is_excited else "up"
    return "up" if elasticity > _STRAIGHT else "down"


def _elasticity(race: Race) -> float:
    """Compare the progress at the end of a leg with that at half of it: 1 for a straight line."""
    half, end = race.levels[: (len(race.levels) + _TAIL) // 2], race.levels
    early, late = _progress(race, half), _progress(race, end)
    if late <= 0:
        return 0.0
    if early <= 0:
        return math.inf
    return math.log(late / early) / math.log((len(end) - _TAIL / 2) / (len(half) - _TAIL / 2))
