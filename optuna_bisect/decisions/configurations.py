"""Several configurations in one study: which search a trial joins, and which one is dropped."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from optuna_bisect.decisions.next_rate import expected_rate
from optuna_bisect.decisions.searches import best_of, read_searches
from optuna_bisect.search.grid import SPACING
from optuna_bisect.study.configuration import agree
from optuna_bisect.verdicts.comparison import is_behind
from optuna_bisect.verdicts.shape import is_flat

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
    if history.is_in_vain:
        return 0
    return history.n_configurations - len(history.searches) - len(_claimed(history))


def _claimed(history: History) -> set[int]:
    """Return the searches that have no probe yet, but a trial that is about to be one."""
    chosen = {r.search for r in history.running if r.role is None and r.search is not None}
    return chosen - set(history.searches)


def untried_groups(history: History) -> list[dict[str, Any]]:
    """Return the values of the grouping parameters that no search has tried, if all can be tried.

    Each of them wants a search of its own, so that none is left to the chance of a draw.
    """
    space = {n: history.space.get(n) for n in history.group_by or ()}
    choices = [d.choices for d in space.values() if isinstance(d, CategoricalDistribution)]
    if not choices or len(choices) < len(space):
        return []
    if math.prod(len(c) for c in choices) > history.n_configurations:
        return []
    tried = [history.held(s) for s in history.searches]
    groups = [dict(zip(space, values)) for values in product(*choices)]
    return [g for g in groups if not any(g.items() <= held.items() for held in tried)]


def _place(crowd: Mapping[int, int], chooser: int, *, may_begin: bool) -> int | None:
    """Choose the search with the fewest probes that run; a new one before one with any."""
    least = min(crowd, key=lambda n: (crowd[n], n), default=None)
    if may_begin and (least is None or crowd[least] > 0):
        return chooser
    return least


def why_behind(history: History, own: Probe, search: int | None) -> str | None:
    """Say why a running probe need not run to its end, by what other configurations reached.

    Where the rate is about right, its whole configuration is dropped. Where nothing is known of
    the right rate, the probe ends and the search goes on: its probes are compared with each other
    as far as they ran.
    """
    searches = read_searches(history)
    rivals = [s for s in searches if s.number != search]
    if search is None or not rivals:
        return None
    best = best_of(rivals)
    expected = expected_rate(rivals, history, search, own.others)
    if expected is None:
        return _why_outrun(own, best)
    if any(s.number == search and s.strongest is not None for s in searches):
        # Beside a better probe of its search it speaks for its rate, not for its configuration.
        return None
    return _behind(own, best) if _is_near(own, expected) else None


def _why_dropped(search: Search, searches: Sequence[Search], history: History) -> str | None:
    """Say why a search is not worth another probe: a better one's neighbours are ahead of it."""
    best = best_of(searches)
    if search.number == best.number or search.strongest is None:
        return None
    if search.outcome.is_over:
        is_outrun = math.isfinite(best.score) and not search.strongest.is_full
        return f"dropped: at each of its rates {_ahead(best)}" if is_outrun else None
    expected = expected_rate(searches, history, search.number or 0, search.held)
    if expected is None or not _is_near(search.strongest, expected):
        return None
    return _behind(search.strongest, best)


def _is_near(own: Probe, expected: float) -> bool:
    """Tell whether a probe's rate is about right, so that it speaks for its configuration."""
    if own.rate <= 0 or not own.is_finite:
        return False
    return abs(math.log(own.rate / expected)) <= math.log(SPACING) * (1 + 1e-9)


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


def _why_outrun(own: Probe, best: Search) -> str | None:
    """Say that a probe fell behind the best configuration's best one at equal steps."""
    evidence = best.history.evidence()
    if evidence is None or evidence.incumbent is None or evidence.initial is None:
        return None
    rival = evidence.incumbent.curve
    if not math.isfinite(best.score) or not own.is_finite or not len(rival):
        return None
    if is_flat(own.curve, evidence.initial):
        # The rates of its own search cannot be compared with it yet.
        return None
    if is_behind(own.curve, evidence.initial, rival, evidence.horizon) is None:
        return None
    return f"at this rate {_ahead(best)}; another rate may do better"


def _ahead(best: Search) -> str:
    return f"the configuration of trial {best.number} was ahead at equal steps"


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
