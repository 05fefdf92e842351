"""Choosing the rate of a probe beside other workers: choose, claim, look for a clash."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from optuna_bisect.search.proposal import choose
from optuna_bisect.search.running import led_by_running, running_probes
from optuna_bisect.study import attributes
from optuna_bisect.study.history import read_history
from optuna_bisect.study.params import fit_into

if TYPE_CHECKING:
    from optuna.distributions import FloatDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.search.proposal import Proposal
    from optuna_bisect.study.history import History
    from optuna_bisect.study.settings import Settings

# Two workers that choose at one moment may choose alike; after so many clashes they do.
MAX_CLAIMS = 12
# For so long the lower one of two that clash waits for the other one to give way.
_GIVE_WAY_SECONDS = 0.1
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
    another live probe turns out to have it: by the higher number at once, by the lower one where
    the other does not give way because it had made sure before.

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
        attributes.write(study, trial, claim=rate)
        if _is_kept(study, trial, settings, history, rate):
            break
        history = read_history(study, settings, exclude=trial.number)
    is_new_name = param_name != history.facts.setting("param")
    attributes.write(
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
        number=number,
    )
    return proposal, evidence.bracket


def _is_kept(
    study: Study, trial: FrozenTrial, settings: Settings, history: History, rate: float
) -> bool:
    """Tell whether a claim may be kept: nobody else has the rate, or he gives it up."""
    end = time.monotonic() + _GIVE_WAY_SECONDS
    while True:
        others = _find_clashes(study, trial, settings, history, rate)
        if not others:
            return True
        if min(others) < trial.number or time.monotonic() > end:
            return False
        time.sleep(_GIVE_WAY_SECONDS / 10)


def _find_clashes(
    study: Study, trial: FrozenTrial, settings: Settings, history: History, rate: float
) -> list[int]:
    """Return the trials that took a rate since a reading, without those of dead workers."""
    trials = attributes.all_trials(study)
    changed = [*(trials[n] for n in history.open), *trials[history.n_trials :]]
    claims = attributes.claims_among(changed, trial.number)
    found = [n for n, claim in claims.items() if math.isclose(rate, claim, rel_tol=1e-9)]
    if not found:
        return []
    # Somebody has it; whether he lives takes a closer look.
    now = read_history(study, settings, exclude=trial.number)
    dead = set(now.open) - {r.number for r in now.running} - set(now.judged)
    return [n for n in found if n not in dead]
