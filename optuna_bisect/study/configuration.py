"""Configurations: the values of all parameters but the rate, which one search holds still.

A search is named by the number of the trial that began it. What a trial really ran with decides
whether the search may learn from it, not only the name: two workers may have drawn at one moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from optuna_bisect.trials.values import is_equal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Values = Mapping[str, Any]

# Successive halving: the best third goes on, with probes three times as long (Jamieson and
# Talwalkar 2016, Non-stochastic best arm identification; its factor in Li et al. 2018, Hyperband).
REDUCTION = 3
# A probe is shorter than this share of the full run.
_LONGEST_SHARE = 0.5


class Member(Protocol):
    """A probe, finished or running."""

    @property
    def number(self) -> int:
        """Number of the trial."""

    @property
    def search(self) -> int | None:
        """Number of the trial that began its search, None where another sampler made it."""

    @property
    def others(self) -> Mapping[str, Any]:
        """Values of the parameters that are not the rate."""


def rung_steps(probe_steps: int, rung: int) -> int:
    """Return the length of a probe on a rung, by that on the lowest one."""
    return int(probe_steps * REDUCTION**rung)


def top_rung(probe_steps: int | None, final_steps: int | None, n_rungs: int) -> int:
    """Return the highest rung whose probes are still much shorter than the full run."""
    if probe_steps is None or final_steps is None:
        return 0
    limit, rung = _LONGEST_SHARE * final_steps, 0
    while rung + 1 < n_rungs and rung_steps(probe_steps, rung + 1) <= limit:
        rung += 1
    return rung


def agree(a: Values, b: Values) -> bool:
    """Tell whether two trials have the same value of every parameter that both have."""
    return all(is_equal(b[name], value) for name, value in a.items() if name in b)


def held_by(members: Iterable[Member], search: int | None) -> dict[str, Any]:
    """Return the values that a search holds: of each name, that of the lowest trial."""
    held: dict[str, Any] = {}
    for member in sorted((m for m in members if m.search == search), key=lambda m: m.number):
        held = {**member.others, **held}
    return held


def is_inside(member: Member, search: int | None, held: Values) -> bool:
    """Tell whether a search may learn from a probe: it ran with the values that are held."""
    return member.search in (search, None) and agree(member.others, held)


def find_searches(members: Iterable[Member]) -> tuple[int, ...]:
    """Return the searches of a study by number.

    Trials of other samplers are one search where they differ in nothing but the rate, and else
    none.
    """
    known = list(members)
    named = {m.search for m in known if m.search is not None}
    if named or not known:
        return tuple(sorted(named))
    held = held_by(known, None)
    is_one = all(agree(m.others, held) for m in known)
    return (min(m.number for m in known),) if is_one else ()
