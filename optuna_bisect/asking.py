"""Choosing the rate of a probe beside other workers: choose, claim, look for a clash."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna_bisect import _attrs
from optuna_bisect.history import read_history
from optuna_bisect.parallel import led_by_running, running_probes
from optuna_bisect.params import fit_into
from optuna_bisect.search import choose

if TYPE_CHECKING:
    from optuna.distributions import FloatDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.history import History
    from optuna_bisect.search import Proposal
    from optuna_bisect.settings import Settings

# Two workers that choose at one moment may choose alike; after so many clashes they do.
MAX_CLAIMS = 4
# A probe that has no rate after this many seconds is no longer given the best question.
RATE_GRACE_SECONDS = 10.0


def ask_rate(
    study: Study,
    trial: FrozenTrial,
    history: History,
    param_name: str,
    distribution: FloatDistribution,
    *,
    settings: Settings,
) -> float:
    """Choose the rate of a probe, and write on it why.

    Workers see each other's rates only once they are written, so that two that choose at the same
    moment from different readings may choose alike. So a rate is claimed, and given up where
    another live probe turns out to have it. Both of two that clash may give way, which costs
    nothing: there are other rates.

    Args:
        study: The study.
        trial: The running probe.
        history: The study without the probe, just read.
        param_name: Name of the rate.
        distribution: Its range.
        settings: The sampler's settings.

    Returns:
        The rate, inside the distribution.
    """
    for _ in range(MAX_CLAIMS):
        proposal, (low, high) = propose_beside(history, trial.number, distribution)
        rate = fit_into(proposal.rate, distribution)
        if not history.running:
            break
        _attrs.write(study, trial, claim=rate)
        history = read_history(study, settings, exclude=trial.number)
        if not _is_taken(history, rate):
            break
    is_new_name = param_name != history.facts.setting("param")
    _attrs.write(
        study,
        trial,
        low=low,
        high=high,
        question=proposal.question,
        param=param_name if is_new_name else None,
    )
    return rate


def propose_beside(
    history: History, number: int, distribution: FloatDistribution
) -> tuple[Proposal, tuple[float, float]]:
    """Propose a rate that no running probe has, nor will have by its rank.

    Args:
        history: The study without the trial.
        number: The trial's number.
        distribution: Range of the rate.

    Returns:
        The proposal, and the bracket that it was proposed from.
    """
    evidence = history.past.evidence(distribution.low, distribution.high, history.warm_start)
    probes = [r for r in history.running if r.role == "probe"]
    # Probes with a lower number that have no rate yet will take the questions before this one,
    # unless they died before that.
    without_rate = [r for r in probes if r.rate is None and r.age < RATE_GRACE_SECONDS]
    ahead = sum(r.number < number for r in without_rate)
    proposal = choose(
        led_by_running(evidence, running_probes(probes)),
        [r.rate for r in probes if r.rate is not None],
        ahead=ahead,
        endless=not history.has_final,
    )
    return proposal, evidence.bracket


def _is_taken(history: History, rate: float) -> bool:
    rates = [r.rate for r in history.running if r.role == "probe" and r.rate is not None]
    return any(math.isclose(rate, other, rel_tol=1e-9) for other in rates)
