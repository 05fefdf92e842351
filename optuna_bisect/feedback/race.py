"""The beginning of a run as a race: the start rate against three times higher and lower ones.

Where the first weights can be put back, a doubtful rate need not be judged by the shape of its own
curve: a few legs, each from the first weights, compare rates at equal steps, which is what the
search did with probes. The leg that wins is kept as the beginning of the run, so that only the
legs that lose cost anything, and those are cut at half their length.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from optuna_bisect.feedback.legs import (
    SPACING,
    best_leg,
    error,
    is_excited,
    judge_leg,
    ruled_out,
    shows,
)

if TYPE_CHECKING:
    from optuna_bisect.feedback.legs import Direction, Race, Return

# Legs after which the best one so far wins.
MAX_LEGS = 8
# The ratio of progress from which the next lower rate is worth a leg, however flat the curve.
_CLEAR = 1.25


def advance_race(race: Race, level: float, first: float) -> Race:
    """Take in the mean and the first loss of one interval.

    Returns:
        The race after it; ``keeps`` and ``returns`` say what to do with the weights, in this
        order.
    """
    if not race.levels and math.isfinite(first):
        race = replace(race, firsts=(*race.firsts, first))
    race = replace(race, levels=(*race.levels, level), keeps=False, returns="nothing")
    is_alive = bool(race.firsts) and math.isfinite(level)
    is_won = judge_leg(race) if is_alive else False
    return race if is_won is None else _end_leg(race, is_won=is_won)


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


def _end_leg(race: Race, *, is_won: bool) -> Race:
    """Keep the leg or not, and choose the next one."""
    direction = _turn(race, is_won=is_won)
    race = replace(race, ceiling=min(race.ceiling, ruled_out(race, is_won=is_won)))
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
        returns="first",
    )


def _turn(race: Race, *, is_won: bool) -> Direction:
    """Say where to look after a leg; the race does not know yet whether it won."""
    if race.n_legs >= MAX_LEGS:
        return "over"
    if race.best_rate is None:
        # A first leg that looks down follows others that have collapsed.
        return _first_turn(race) if is_won and race.direction == "up" else "down"
    if is_won and race.direction == "up":
        return "up"
    if is_won:
        lead = race.progress() - race.goal()
        return "down" if lead > max((_CLEAR - 1) * abs(race.goal()), error(race)) else "over"
    return _other_turn(race) if race.n_legs == 2 else "over"


def _first_turn(race: Race) -> Direction:
    """Go up from the first leg, unless it rose at first, or shows nothing: it may be dead."""
    # Limits are met up to what floating point can resolve.
    has_room = race.rate * SPACING <= race.high * (1 + 1e-9)
    return "up" if has_room and shows(race) and not is_excited(race) else "down"


def _other_turn(race: Race) -> Direction:
    """Look on the other side of the start, where the second leg has lost clearly."""
    if race.direction == "down":
        return "over" if is_excited(best_leg(race)) else "up"
    return "over" if race.progress() > race.goal() + error(race) else "down"
