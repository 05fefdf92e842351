"""The rate of a new probe: after what earlier searches found, beside what others are running."""

from __future__ import annotations

import math
import re
import statistics
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from optuna_bisect.decisions.outcome import find_outcome
from optuna_bisect.decisions.searches import read_searches
from optuna_bisect.search.grid import SPACING
from optuna_bisect.search.horizon import correct
from optuna_bisect.search.probe import Probe
from optuna_bisect.search.proposal import choose
from optuna_bisect.search.running import answer, led_by_running
from optuna_bisect.trials.values import is_equal, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import FloatDistribution

    from optuna_bisect.decisions.searches import Search
    from optuna_bisect.search.proposal import Proposal
    from optuna_bisect.study.history import History

# A probe that has no rate after this many seconds is no longer given the best question.
RATE_GRACE_SECONDS = 10.0
# Between linear scaling (SGD with small batches) and none; sqrt for adaptive methods (Malladi et
# al. 2022, On the SDEs and scaling rules for adaptive gradient algorithms).
BATCH_EXPONENT = 0.5
_BATCH_SIZE = re.compile(r"(^|[^a-z])(batch[_\-. ]?size|bs|batch)([^a-z]|$)", re.IGNORECASE)


def propose_rate(
    history: History, number: int, distribution: FloatDistribution
) -> tuple[Proposal, tuple[float, float]]:
    """Propose a rate that no running probe has or will take, and return its bracket with it.

    Where a running probe leads, the bracket is the one around that: what the rate is chosen from.
    """
    evidence = history.evidence_in(distribution.low, distribution.high)
    led = led_by_running(evidence, history.running_probes())
    probes = [r for r in history.running if r.role == "probe"]
    # Probes with a lower number that have no rate yet will take the questions before this one,
    # unless they died before that.
    earlier = [r for r in probes if r.rate is None and r.number < number]
    ahead = sum(r.age < RATE_GRACE_SECONDS for r in earlier)
    proposal = choose(
        led,
        [r.rate for r in probes if r.rate is not None],
        ahead=ahead,
        endless=not history.has_final,
        number=number,
    )
    return proposal, led.bracket


def is_idle(history: History, number: int) -> bool:
    """Tell whether nothing is worth asking until a probe begins or ends.

    So it is where other workers ask all that is of interest, and what is left lies beyond rates
    that have lost: a new probe would be answered by others at its first report.
    """
    distribution = history.distribution
    if not history.has_final or distribution is None or not history.running:
        return False
    proposal, _ = propose_rate(history, number, distribution)
    if proposal.question != "spread":
        return False
    evidence = history.evidence()
    own = Probe(number, proposal.rate, is_full=False, question=proposal.question)
    return evidence is not None and answer(evidence, own) is not None


def part_of(
    history: History, search: int | None, drawn: Mapping[str, Any] = MappingProxyType({})
) -> History:
    """Return what a search may learn from, with the rate to start at where it has no probe yet.

    ``drawn`` are the values of other parameters that the trial being decided on has already.
    """
    if search is None:
        return history
    searches = read_searches(history)
    part = next((s.history for s in searches if s.number == search), None) or history.of(search)
    if part.finished.probes:
        return part
    if history.below is not None:
        return part._replace(warm_start=_carried(history, search))
    if history.n_configurations < 2:
        return part
    running = [r.rate for r in part.running if r.question == "warm" and r.rate is not None]
    held = {**drawn, **history.held(search)}
    start = running[0] if running else start_rate(searches, history, held)
    return part if start is None else part._replace(warm_start=start)


def _carried(history: History, search: int) -> float | None:
    """Return the rate that a search ended with on the rung below, corrected for longer probes."""
    below = history.below
    outcome = None if below is None else find_outcome(below.of(search))
    if outcome is None or outcome.winner is None:
        return None
    steps = history.view.probe_steps
    return correct(outcome.winner.lr, outcome.horizon, steps, history.exponent)


def expected_rate(
    searches: Sequence[Search], history: History, search: int, held: Mapping[str, Any]
) -> float | None:
    """Return about the best rate of a search, by the rung below or by other searches."""
    if history.below is not None:
        return _carried(history, search)
    return start_rate(searches, history, held)


def start_rate(
    searches: Sequence[Search], history: History, held: Mapping[str, Any]
) -> float | None:
    """Return the middle of the rates at which searches of the same group ended; None without any.

    The group is given by the user, else by every categorical parameter whose values turned out to
    want different rates, or of which nothing is known yet.
    """
    ended = [s for s in searches if s.outcome.is_over and s.outcome.winner]
    names = history.group_by
    if names is None:
        names = _separating(history, ended, held)
    alike = [s for s in ended if all(is_equal(s.held.get(n), held.get(n)) for n in names)]
    rates = [_rate(s) * _batch_ratio(s.held, held) for s in alike]
    positive = [math.log(rate) for rate in rates if rate > 0]
    return math.exp(statistics.median(positive)) if positive else None


def _separating(history: History, ended: Sequence[Search], held: Mapping[str, Any]) -> list[str]:
    """Return the categorical parameters whose values want different rates, as far as is known."""
    return [
        name
        for name, distribution in history.space.items()
        if isinstance(distribution, CategoricalDistribution) and not _BATCH_SIZE.search(name)
        if _spread_of(name, ended, held) > math.log(SPACING)
    ]


def _spread_of(name: str, ended: Sequence[Search], held: Mapping[str, Any]) -> float:
    """Return by how much best rates differ between the values of a parameter, as logarithms."""
    # A choice need not be hashable.
    rates: dict[str, list[float]] = {}
    for search in ended:
        if _rate(search) > 0:
            value = repr(plain(search.held.get(name)))
            rates.setdefault(value, []).append(math.log(_rate(search)))
    if repr(plain(held.get(name))) not in rates or len(rates) < 2:
        return math.inf
    means = [statistics.fmean(logs) for logs in rates.values()]
    return max(means) - min(means)


def _rate(search: Search) -> float:
    return search.outcome.winner.lr if search.outcome.winner else 0.0


def _batch_ratio(before: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """Return the factor by which another batch size moves the best rate."""
    for name in now:
        if _BATCH_SIZE.search(name) and name in before:
            pair = before[name], now[name]
            if all(isinstance(v, int | float) and v > 0 for v in pair):
                return float((pair[1] / pair[0]) ** BATCH_EXPONENT)
    return 1.0
