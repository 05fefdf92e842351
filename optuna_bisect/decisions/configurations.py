"""Several configurations in one study: which search a trial joins, and which one is dropped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna_bisect.decisions.next_rate import start_rate
from optuna_bisect.decisions.searches import best_of, read_searches
from optuna_bisect.search.grid import SPACING
from optuna_bisect.study.configuration import agree
from optuna_bisect.verdicts.comparison import is_behind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna_bisect.decisions.searches import Search
    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe
    from optuna_bisect.study.history import History


def find_searches(history: History) -> tuple[Search, ...]:
    """Return every search of a study by number, with why it was dropped."""
    searches = read_searches(history)
    return tuple(s._replace(dropped=_why_dropped(s, searches, history)) for s in searches)


def is_settled(history: History) -> bool:
    """Tell whether the finished probes of a rung leave nothing to ask in any search."""
    searches = find_searches(history)
    n_expected = history.n_configurations if history.below is None else 1
    return len(searches) >= n_expected and all(s.is_settled for s in searches)


def choose_search(history: History, number: int, chosen: Mapping[str, Any]) -> int | None:
    """Choose the search that a new probe joins: its own number to begin one; None if all are over.

    ``chosen`` are other parameters that a user chose for this trial. Workers work on different
    configurations as long as there are some, then on one together.
    """
    searches = tuple(s for s in find_searches(history) if s.number is not None)
    if not searches and history.is_exhausted:
        # Every trial ended before it had a rate.
        return None
    if chosen:
        holding = (s for s in searches if chosen.keys() <= s.held.keys())
        fitting = next((s for s in holding if agree(s.held, chosen)), None)
        if fitting is None:
            return number
        searches = (fitting,)
    crowd = {s.number: s.n_running for s in searches if not s.is_over and s.number is not None}
    is_lowest = history.below is None
    begun = set(history.searches)
    n_new = _n_left(history) if is_lowest and not chosen else 0
    for other in history.running:
        if other.role is not None:
            continue
        if other.search is not None:
            # It has chosen already, and its role follows.
            if other.search in crowd or (is_lowest and not chosen and other.search not in begun):
                crowd[other.search] = crowd.get(other.search, 0) + 1
        elif other.number < number:
            # It will choose before this one.
            place = _place(crowd, other.number, may_begin=n_new > 0)
            n_new -= place == other.number
            if place is not None:
                crowd[place] = crowd.get(place, 0) + 1
    return _place(crowd, number, may_begin=n_new > 0)


def may_keep(history: History, number: int, search: int) -> bool:
    """Tell whether trial ``number`` may keep the search that it chose, now that others chose too.

    Of searches that would be too many those with the lowest numbers are begun, and one that its
    beginner gave up is not begun by those that wanted to join it.
    """
    known = history.searches
    if search in known:
        return True
    beginner = next((r for r in history.running if r.number == search != number), None)
    if beginner is not None and beginner.search not in (search, None):
        return False
    n_before = sum(s < search for s in _claimed(history))
    return n_before < history.n_configurations - len(known)


def _n_left(history: History) -> int:
    """Return how many configurations nobody has begun or is about to begin."""
    return history.n_configurations - len(history.searches) - len(_claimed(history))


def _claimed(history: History) -> set[int]:
    """Return the searches that have no probe yet, but a trial that is about to be one."""
    chosen = {r.search for r in history.running if r.role is None and r.search is not None}
    return chosen - set(history.searches)


def _place(crowd: Mapping[int, int], chooser: int, *, may_begin: bool) -> int | None:
    """Choose the search with the fewest probes that run; a new one before one with any."""
    least = min(crowd, key=lambda n: (crowd[n], n), default=None)
    if may_begin and (least is None or crowd[least] > 0):
        return chooser
    return least


def why_behind(history: History, own: Probe, search: int | None) -> str | None:
    """Say why a running probe's configuration is dropped before the probe has ended; else None."""
    searches = read_searches(history)
    held = next((s.held for s in searches if s.number == search), None)
    rivals = [s for s in searches if s.number != search]
    if held is None or not rivals or not _is_near(own, rivals, held, history):
        return None
    return _behind(own, best_of(rivals))


def _why_dropped(search: Search, searches: Sequence[Search], history: History) -> str | None:
    """Say why a search is not worth another probe: a better one's neighbours are ahead of it."""
    best = best_of(searches)
    if search.number == best.number or search.outcome.is_over or search.strongest is None:
        return None
    if not _is_near(search.strongest, searches, search.held, history):
        return None
    return _behind(search.strongest, best)


def _is_near(
    own: Probe, searches: Sequence[Search], held: Mapping[str, Any], history: History
) -> bool:
    """Tell whether a probe's rate is about right, so that it speaks for its configuration."""
    start = start_rate(searches, history, held)
    if start is None or own.rate <= 0 or not own.is_finite:
        return False
    return abs(math.log(own.rate / start)) <= math.log(SPACING) * (1 + 1e-9)


def _behind(own: Probe, best: Search) -> str | None:
    """Say that a probe is further behind the best configuration than that one's neighbours are.

    The probe's own rate may be wrong, by about a step of the grid: so much is forgiven.
    """
    evidence = best.history.evidence()
    if evidence is None or evidence.incumbent is None:
        return None
    beside = [_lag(p, evidence) for p in _beside(evidence)]
    if _lag(own, evidence) <= max(beside, default=0.0):
        return None
    return (
        f"dropped: the configuration of trial {best.number} does better even at a rate beside "
        "its best one"
    )


def _lag(probe: Probe, evidence: Evidence) -> float:
    """Return how far a probe is behind the incumbent: in values, or as a share of its progress."""
    best = evidence.incumbent
    if best is None:
        return 0.0
    if best.value is not None and probe.value is not None:
        return probe.value - best.value
    if evidence.initial is None or not len(probe.curve) or not len(best.curve):
        return 0.0
    share = is_behind(probe.curve, evidence.initial, best.curve, evidence.horizon)
    return 0.0 if share is None else 1 - share


def _beside(evidence: Evidence) -> list[Probe]:
    """Return the probes beside the incumbent that did not collapse."""
    rates = (evidence.below, evidence.above)
    return [
        p
        for i, probes in evidence.seen.items()
        if i not in evidence.collapsed
        for p in probes
        if p.rate in rates and p.is_finite
    ]
