"""Several configurations in one study: which search a trial joins, and which one is dropped."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optuna_bisect.decisions.outcome import find_outcome
from optuna_bisect.search.running import led_by_running
from optuna_bisect.study.configuration import agree
from optuna_bisect.verdicts.comparison import PROGRESS_RATIO, is_behind
from optuna_bisect.verdicts.curve import N_AVERAGED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna_bisect.decisions.outcome import Outcome
    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe
    from optuna_bisect.study.history import History


class Search(NamedTuple):
    """The search of the rate for one configuration.

    Attributes:
        number: Number of the trial that began it; None where no trial belongs to a search.
        held: The values of all other parameters.
        history: What it may learn from.
        outcome: Where it stands by itself.
        dropped: Why it is not worth another probe, None where it is.
    """

    number: int | None
    held: Mapping[str, Any]
    history: History
    outcome: Outcome
    dropped: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the finished probes leave nothing to ask."""
        return self.outcome.is_over or self.dropped is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to ask, and no running probe may change that."""
        is_certain = self.dropped is not None or not _may_change(self.history)
        return self.is_settled and is_certain

    @property
    def n_running(self) -> int:
        """Number of its probes that run."""
        return sum(r.role == "probe" for r in self.history.running)

    @property
    def strongest(self) -> Probe | None:
        """The probe that speaks for the configuration, None while every one has collapsed."""
        evidence = self.history.evidence()
        return evidence and (evidence.incumbent or evidence.best_undershoot)

    @property
    def score(self) -> float:
        """Loss that its best probe ended with, infinite while none was balanced."""
        evidence = self.history.evidence()
        best = evidence.incumbent if evidence else None
        if evidence is None or best is None:
            return math.inf
        if best.value is not None:
            return best.value
        return float(np.mean(best.compared(evidence.horizon).losses[-N_AVERAGED:]))


def find_searches(history: History) -> tuple[Search, ...]:
    """Return every search of a study by number; without any the whole study counts as one."""
    numbers = history.searches or (None,)
    if numbers == (None,):
        return (Search(None, {}, history, find_outcome(history)),)
    parts = [(n, history.held(n), history.of(n)) for n in numbers]
    found = [Search(n, held, part, find_outcome(part)) for n, held, part in parts]
    best = best_of(found)
    return tuple(s._replace(dropped=_why_dropped(s, best)) for s in map(_named, found))


def _named(search: Search) -> Search:
    """Say on the winner which configuration it is the winner of."""
    winner = search.outcome.winner
    if winner is None or not search.held:
        return search
    named = replace(winner, params=dict(search.held))
    return search._replace(outcome=search.outcome._replace(winner=named))


def best_of(searches: Sequence[Search]) -> Search:
    """Return the search whose best probe ended lowest, of equals the first; any while none has."""
    return min(searches, key=lambda s: (s.outcome.winner is None, s.score))


def choose_search(history: History, number: int, chosen: Mapping[str, Any]) -> int | None:
    """Choose the search that a new probe joins: its own number to begin one; None if all are over.

    ``chosen`` are other parameters that a user chose for this trial. Workers work on different
    configurations as long as there are some, then on one together.
    """
    searches = find_searches(history) if history.searches else ()
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
    n_new = 0 if chosen else history.n_configurations - len(searches)
    # Trials that have no role yet will choose before this one.
    ahead = [r.number for r in history.running if r.role is None and r.number < number]
    for chooser in [*ahead, number]:
        place = _place(crowd, chooser, may_begin=n_new > 0)
        if place is None:
            return None
        n_new -= place == chooser
        crowd[place] = crowd.get(place, 0) + 1
    return place


def _place(crowd: Mapping[int, int], chooser: int, *, may_begin: bool) -> int | None:
    """Choose the search with the fewest probes that run; a new one before one with any."""
    least = min(crowd, key=lambda n: (crowd[n], n), default=None)
    if may_begin and (least is None or crowd[least] > 0):
        return chooser
    return least


def why_behind(history: History, own: Probe, search: int | None) -> str | None:
    """Say why a running probe's configuration is dropped before the probe has ended; else None."""
    if history.n_configurations < 2 or own.question != "warm":
        return None
    rivals = [s for s in find_searches(history) if s.number != search]
    return _behind(own, best_of(rivals)) if rivals else None


def _why_dropped(search: Search, best: Search) -> str | None:
    """Say why a search is not worth another probe: a better one's neighbours are ahead of it."""
    evidence = search.history.evidence()
    if search.number == best.number or search.outcome.is_over or evidence is None:
        return None
    # A search that began far from the best rate says nothing of its configuration yet.
    if not any(p.question == "warm" and p.is_finite for p in evidence.probes):
        return None
    return None if search.strongest is None else _behind(search.strongest, best)


def _behind(own: Probe, best: Search) -> str | None:
    """Say that a probe is behind those beside the best configuration's best rate.

    Its own rate may be wrong, by about a step of the grid: so much is forgiven.
    """
    evidence = best.history.evidence()
    if evidence is None or evidence.incumbent is None:
        return None
    for rival in _beside(evidence) or [evidence.incumbent]:
        if own.value is not None and rival.value is not None:
            if own.value <= rival.value:
                return None
        elif not _lags(own, rival, evidence):
            return None
    return (
        f"dropped: the configuration of trial {best.number} does better even at a rate beside "
        "its best one"
    )


def _lags(own: Probe, rival: Probe, evidence: Evidence) -> bool:
    if evidence.initial is None or not len(own.curve) or not len(rival.curve):
        return False
    return is_behind(own.curve, evidence.initial, rival.curve, evidence.horizon) is not None


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


def _may_change(history: History) -> bool:
    """Tell whether a running probe does so well that the incumbent may have to give way."""
    evidence = history.evidence()
    if evidence is None or history.is_overrun:
        return False
    running = history.running_probes()
    return led_by_running(evidence, running, lead=1 / PROGRESS_RATIO) is not evidence
