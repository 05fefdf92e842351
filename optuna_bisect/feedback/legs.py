"""What the legs of a race tell: whether a rate is better, too low, too high, or none of it.

A rate that is too low gives the same curve, three times slower where it is three times lower. So a
higher rate is better where it comes clearly sooner to where the lower one ended, however straight,
bent or accelerating the curve is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from optuna_bisect.verdicts.curve import noise_of

# Ratio of neighbouring rates, that of the search's grid (``search`` is not imported here).
SPACING = 3.0
# Levels whose mean is compared.
_TAIL = 3
# Rise above the initial loss, as a share of the progress, that is no mere noise.
_EXCURSION = 0.1
# Standard deviations of a level beyond which a lead rules the other rate out, and a rise is one.
_SURE = 2.0
# Progress in standard deviations of a level, below which legs cannot be told apart.
_CLEAR_PROGRESS = 4.0
# How many times sooner a higher rate must be where the best leg ended: three times above one that
# is far too low, not at all sooner above the best one. A ratio of losses would ask for more where
# they have flattened, and be flattered where they accelerate.
_SOONER = 1.4
# Share of the best progress at half a leg, below which a lower rate is cut: it bends later, and a
# whole run wants lower rates than a leg.
_BEHIND = 0.8
# Standard deviations of a level beyond the first swing, above which a first leg has exploded.
_EXPLODED = 2.0

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
        warmup: Intervals of linear warm-up at the beginning of each leg.
        levels: Mean losses of the present leg so far.
        best_rate: Rate of the best leg, None while every one has collapsed.
        best: Its levels.
        firsts: The first loss of each leg, all of the same weights.
        direction: Where the present leg looks, ``"over"`` after the race.
        n_legs: Legs begun.
        ceiling: Lowest rate that lost against a lower one.
        keeps: Whether the end of the leg that is over is the best so far.
        returns: Which weights the caller puts back now.
    """

    rate: float
    n_levels: int
    low: float = 0.0
    high: float = math.inf
    warmup: float = 0.0
    levels: tuple[float, ...] = ()
    best_rate: float | None = None
    best: tuple[float, ...] = ()
    firsts: tuple[float, ...] = ()
    direction: Direction = "up"
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

    @property
    def leader(self) -> float:
        """The best rate so far, the present one while every leg has collapsed."""
        return self.rate if self.best_rate is None else self.best_rate

    def progress(self, n: int | None = None) -> float:
        """Fall from the initial loss to the last of n levels of this leg, by default of all."""
        return self.initial - fmean(self.levels[:n][-_TAIL:])

    def goal(self) -> float:
        """Return the progress of the best leg at the length of the present one."""
        return self.initial - fmean(self.best[: len(self.levels)][-_TAIL:])


def judge_leg(race: Race) -> bool | None:
    """Tell whether the leg is the best so far; None: it has to go on."""
    n, half, is_whole = len(race.levels), race.n_levels // 2, len(race.levels) == race.n_levels
    if not race.best:
        # Without another leg only a clear explosion counts: healthy runs begin with a spike too.
        swing = abs(race.levels[0] - race.initial) + _EXPLODED * noise_of(race.levels)
        top = max(race.initial, race.levels[0]) + swing
        return False if n > half and min(race.levels[-4:]) > top else is_whole or None
    if n < half:
        return None
    if race.direction == "up":
        return _is_sooner(race)
    if race.progress() <= _BEHIND * race.goal():
        return False
    return _is_as_good(race) if is_whole else None


def _is_sooner(race: Race) -> bool | None:
    """Tell whether a higher rate got clearly sooner to where the best leg ended."""
    best, n, is_whole = best_leg(race), len(race.levels), len(race.levels) == race.n_levels
    if not shows(best):
        # Nothing is to be seen from rates that are far too low; a wild one is not among them.
        is_level = race.progress() > race.goal() - error(race)
        return False if is_excited(race) else is_level if is_whole else None
    lead = race.progress() - best.progress()
    if lead > error(race) and (is_whole or _has_bent(race)):
        return _speed(race) >= _SOONER
    # It is behind, or too late for that already.
    is_late = lead <= 0 and _SOONER * _age(race, n) > _age(race, len(race.best))
    return False if is_whole or is_late or race.progress() <= race.goal() else None


def _has_bent(race: Race) -> bool:
    """Tell whether the leg no longer accelerates: while they do, short legs flatter high rates."""
    n = len(race.levels)
    return race.progress() * _age(race, n // 2) < race.progress(n // 2) * _age(race, n)


def _is_as_good(race: Race) -> bool:
    """Tell whether a lower rate is level: of two that a leg cannot tell apart it is the better."""
    best = best_leg(race)
    # Of two that show nothing the lower one is too low as well, unless it is clearly ahead.
    is_silent = not (shows(best) or shows(race) or is_excited(best))
    return race.progress() > race.goal() + (error(race) if is_silent else -error(race))


def shows(race: Race) -> bool:
    """Tell whether the progress of the leg stands out of its noise."""
    return race.progress() >= _CLEAR_PROGRESS * noise_of(race.levels)


def is_excited(race: Race) -> bool:
    """Tell whether the loss first rose: what exploded and now recovers may look too slow."""
    n = len(race.levels)
    rise = -min(race.progress(i) for i in range(min(_TAIL, n), n + 1))
    return rise > max(_EXCURSION * race.progress(), _SURE * noise_of(race.levels))


def best_leg(race: Race) -> Race:
    """Return the race as it was at the end of its best leg."""
    return replace(race, levels=race.best)


def _speed(race: Race) -> float:
    """Compare the age of the best leg with that from which on this one is below its end."""
    goal, n = best_leg(race).progress(), len(race.levels)
    known = [0.0, *(race.progress(i + 1) for i in range(n))]
    behind = max(i for i in range(n) if i == 0 or known[i] < goal)
    share = (goal - known[behind]) / (known[behind + 1] - known[behind])
    before, after = _age(race, behind), _age(race, behind + 1)
    time = before + max(0.0, share) * (after - before)
    return _age(race, len(race.best)) / time if time else math.inf


def _age(race: Race, n: int) -> float:
    """Return the levels up to the middle of the last ones of n, in a warm-up the less of them."""
    middle, warm = n - min(n, _TAIL) / 2, race.warmup
    return middle**2 / (2 * warm) if middle < warm else middle - warm / 2


def error(race: Race) -> float:
    """Return the standard error of the best leg's progress."""
    return noise_of(race.best) / math.sqrt(_TAIL)


def ruled_out(race: Race, *, is_won: bool) -> float:
    """Return the lowest rate that a leg has shown to be too high; infinite where it has not."""
    if race.best_rate is None:
        return math.inf if is_won else race.rate
    lead = race.progress() - race.goal()
    if race.direction == "down":
        is_clear = is_won and lead > _SURE * noise_of(race.best)
        return race.rate * math.sqrt(SPACING) if is_clear else math.inf
    # One that is a little ahead has lost all the same, but is not ruled out.
    return math.inf if is_won or lead > 0 else race.rate
