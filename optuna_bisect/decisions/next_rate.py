"""The rate of a new probe, beside what others are running at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.search.probe import Probe
from optuna_bisect.search.proposal import choose
from optuna_bisect.search.running import answer, led_by_running

if TYPE_CHECKING:
    from optuna.distributions import FloatDistribution

    from optuna_bisect.search.proposal import Proposal
    from optuna_bisect.study.history import History

# A probe that has no rate after this many seconds is no longer given the best question.
RATE_GRACE_SECONDS = 10.0


def propose_rate(
    history: History, number: int, distribution: FloatDistribution
) -> tuple[Proposal, tuple[float, float]]:
    """Propose a rate that no running probe has or will take, and return its bracket with it."""
    evidence = history.finished.evidence(distribution.low, distribution.high, history.warm_start)
    probes = [r for r in history.running if r.role == "probe"]
    # Probes with a lower number that have no rate yet will take the questions before this one,
    # unless they died before that.
    earlier = [r for r in probes if r.rate is None and r.number < number]
    ahead = sum(r.age < RATE_GRACE_SECONDS for r in earlier)
    proposal = choose(
        led_by_running(evidence, history.running_probes()),
        [r.rate for r in probes if r.rate is not None],
        ahead=ahead,
        endless=not history.has_final,
        number=number,
    )
    return proposal, evidence.bracket


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
