"""The searches of a study, one for each configuration, and the one that leads."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.decisions.outcome import find_outcome
from optuna_bisect.search.running import led_by_running
from optuna_bisect.study.configuration import REDUCTION
from optuna_bisect.verdicts.comparison import PROGRESS_RATIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna_bisect.decisions.outcome import Outcome
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
        if evidence is None or best is None or not (best.is_full or best.is_broken):
            return math.inf
        if best.value is not None:
            return best.value
        return best.compared(evidence.horizon).end


def read_searches(history: History) -> tuple[Search, ...]:
    """Read every search of a study by number; without any the whole study counts as one."""
    numbers = history.searches if history.below is None else promoted(history.below)
    if not numbers:
        return (Search(None, {}, history, find_outcome(history)),)
    lowest = history.rungs[0]
    parts = [(n, lowest.held(n), history.of(n)) for n in numbers]
    searches = [Search(n, held, part, find_outcome(part)) for n, held, part in parts]
    best = best_of(searches)
    return tuple(_named(s if s is best else _behind(s, best)) for s in searches)


def _behind(search: Search, best: Search) -> Search:
    """Look again at a search that another one leads: its best probe may have been cut for that."""
    if not math.isfinite(best.score):
        return search
    history = search.history._replace(rival=best.strongest)
    return search._replace(history=history, outcome=find_outcome(history))


def promoted(history: History) -> tuple[int, ...]:
    """Return the searches that go on to the rung above: the best third, and one at least."""
    searches = read_searches(history)
    able = [s for s in searches if s.number is not None and s.outcome.winner is not None]
    n_promoted = math.ceil(len(searches) / REDUCTION)
    best = sorted(able, key=lambda s: s.score)[:n_promoted]
    return tuple(sorted(s.number for s in best if s.number is not None))


def leader_of(history: History) -> Search:
    """Return the search that leads on the highest rung where any has a winner."""
    for rung in reversed(history.rungs):
        best = best_of(read_searches(rung))
        if best.outcome.winner is not None:
            return best
    return best_of(read_searches(history.rungs[0]))


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


def _may_change(history: History) -> bool:
    """Tell whether a running probe does so well that the incumbent may have to give way."""
    evidence = history.evidence()
    if evidence is None or history.is_overrun:
        return False
    running = history.running_probes()
    return led_by_running(evidence, running, lead=1 / PROGRESS_RATIO) is not evidence
