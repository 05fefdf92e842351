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

from optuna_bisect.verdicts.curve import noise_of

# Ratio of neighbouring rates, that of the search's grid (``search`` is not imported here).
SPACING = 3.0
# Legs after which the best one so far wins.
MAX_LEGS = 8
# Levels whose mean is compared.
_TAIL = 3
# Elasticities above which a leg is too straight for a rate that is too high, and above which it
# is still accelerating, so that short legs flatter high rates.
_STRAIGHT, _UNBENT = 0.5, 1.2
# Rise above the initial loss, as a share of the progress, that is no mere noise.
_EXCURSION = 0.1
# Lead in standard deviations of a level, beyond which the rate that lost is never tried again.
_SURE = 2.0
# Progress in standard deviations of a level, below which legs cannot be told apart.
_CLEAR_PROGRESS = 4.0
# What the winner's progress must exceed the other's by, as a ratio; and above a leg that
# accelerates, where a rate that is too low gives three times less.
_WIN, _WIN_FLATTERED = 1.1, 2.0
# Share of the best progress at half a leg, below which a lower rate is cut: it bends later, and a
# whole run wants lower rates than a leg.
_BEHIND = 0.8
# The ratio from which the next rate in that direction is worth a leg, however flat the curve.
_CLEAR = 1.25
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
        levels: Mean losses of the present leg so far.
        best_rate: Rate of the best leg, None while every one has collapsed.
        best: Its levels.
        firsts: The first loss of each leg, all of the same weights.
        direction: Where the present leg looks, ``"over"`` after the race.
        is_flattered: Whether the leg below still accelerated: short legs flatter this rate then.
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
    is_flattered: bool = False
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


def advance_race(race: Race, level: float, first: float) -> Race:
    """Take in the mean and the first loss of one interval.

    Returns:
        The race after it; ``keeps`` and ``returns`` say what to do with the weights, in this
        order.
    """
    if not race.levels and math.isfinite(first):
        race = replace(race, firsts=(*race.firsts, first))
    race = replace(race, levels=(*race.levels, level), keeps=False, returns="nothing")
    if not race.firsts or not math.isfinite(level) or _is_lost(race):
        return _end_leg(race, is_won=False)
    if len(race.levels) < race.n_levels:
        return race
    return _end_leg(race, is_won=_has_won(race))


def reopen(race: Race) -> Race:
    """Go on a third lower from the first weights, after a collapse soon after the race.

    Returns:
        The race, open again; the same one where there is no leg left, or no lower rate.
    """
    rate = race.rate / SPACING
    if race.n_legs >= MAX_LEGS or rate < race.low:
        return race
    ceiling = min(race.ceiling, race.rate)
    race = replace(race, best_rate=None, best=(), ceiling=ceiling, keeps=False)
    return _begin_leg(race, rate, "down")


def _is_lost(race: Race) -> bool:
    """Tell whether the leg can be cut: above the initial loss, or behind at half its length."""
    n, half = len(race.levels), race.n_levels // 2
    if race.best:
        share = _BEHIND if race.direction == "down" else 1.0
        return n >= half and race.progress() <= share * race.goal()
    # Without another leg only a clear explosion counts: healthy runs begin with a spike as well.
    swing = abs(race.levels[0] - race.initial) + _EXPLODED * noise_of(race.levels)
    return n > half and min(race.levels[-4:]) > max(race.initial, race.levels[0]) + swing


def _has_won(race: Race) -> bool:
    """Tell whether a whole leg is better than the best one before."""
    if race.best and race.direction == "down":
        # The lower one of two rates that a leg cannot tell apart is the better one for the run.
        return race.progress() > race.goal() - _error(race)
    return not race.best or _leads(race, _WIN_FLATTERED if race.is_flattered else _WIN)


def _leads(race: Race, ratio: float) -> bool:
    """Tell whether the leg exceeds the best one's progress by a ratio, and by its noise."""
    goal = race.goal()
    return race.progress() > goal + max((ratio - 1) * abs(goal), _error(race))


def _error(race: Race) -> float:
    """Return the standard error of the best leg's progress."""
    return noise_of(race.best) / math.sqrt(_TAIL)


def _ruled_out(race: Race, *, is_won: bool) -> float:
    """Return the lowest rate that a leg has shown to be too high; infinite where it has not."""
    if race.best_rate is None:
        return math.inf if is_won else race.rate
    lead = race.progress() - race.goal()
    if race.direction == "down":
        is_clear = is_won and lead > _SURE * noise_of(race.best)
        return race.rate * math.sqrt(SPACING) if is_clear else math.inf
    # A flattered leg that leads has lost all the same, but too little to be ruled out.
    return math.inf if is_won or (race.is_flattered and not lead <= 0) else race.rate


def _end_leg(race: Race, *, is_won: bool) -> Race:
    """Keep the leg or not, and choose the next one."""
    direction = _turn(race, is_won=is_won)
    race = replace(race, ceiling=min(race.ceiling, _ruled_out(race, is_won=is_won)))
    if is_won:
        race = replace(race, keeps=True, best_rate=race.rate, best=race.levels)
    following = race.leader * SPACING if direction == "up" else race.leader / SPACING
    inside = min(max(following, race.low), race.high)
    # Limits are met up to what floating point can resolve.
    if direction != "over" and math.isclose(following, inside):
        return _begin_leg(race, inside, direction)
    # Where every leg collapsed, the lowest rate goes on from the first weights.
    back: Return = "first" if race.best_rate is None else "best"
    returns = "nothing" if is_won else back
    return replace(race, rate=race.leader, direction="over", returns=returns)


def _begin_leg(race: Race, rate: float, direction: Direction) -> Race:
    """Go on at another rate from the first weights."""
    return replace(
        race,
        rate=rate,
        levels=(),
        n_legs=race.n_legs + 1,
        direction=direction,
        is_flattered=direction == "up" and _elasticity(race) > _UNBENT,
        returns="first",
    )


def _turn(race: Race, *, is_won: bool) -> Direction:
    """Say where to look after a leg; the race does not know yet whether it won."""
    if race.n_legs >= MAX_LEGS:
        return "over"
    if race.best_rate is None:
        # A first leg that looks down follows others that have collapsed.
        return _first_turn(race) if is_won and race.direction == "up" else "down"
    if is_won:
        return race.direction if _leads(race, _CLEAR) else "over"
    # Below the start there is something to find where the leg above it has lost.
    is_second_up = race.direction == "up" and race.n_legs == 2
    return "down" if is_second_up and not race.is_flattered else "over"


def _first_turn(race: Race) -> Direction:
    """Read the first leg: too straight, bent, or nothing that a race could decide.

    What is not decided here is left to the feedback, which sees more of the curve.
    """
    progress, elasticity = race.progress(), _elasticity(race)
    if progress < _CLEAR_PROGRESS * noise_of(race.levels):
        return "down"
    # What first exploded and now recovers is straight as well, but no sign of a low rate.
    is_excited = max(race.levels) > race.initial + _EXCURSION * progress
    if elasticity > _UNBENT:
        return "down" if is_excited else "up"
    return "up" if elasticity > _STRAIGHT else "down"


def _elasticity(race: Race) -> float:
    """Compare the progress at the end of a leg with that at half of it: 1 for a straight line."""
    n_half, n_end = (len(race.levels) + _TAIL) // 2, len(race.levels)
    early, late = race.progress(n_half), race.progress()
    if late <= 0:
        return 0.0
    if early <= 0:
        return math.inf
    return math.log(late / early) / math.log((n_end - _TAIL / 2) / (n_half - _TAIL / 2))
