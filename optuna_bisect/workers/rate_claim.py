"""Taking a rate for a probe: choose, claim, look for a clash with another worker."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from optuna_bisect.decisions.next_rate import part_of, propose_rate
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes
from optuna_bisect.trials.parameter import fit_into

if TYPE_CHECKING:
    from optuna.distributions import FloatDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.history import History
    from optuna_bisect.study.settings import Settings

# Two workers that choose at one moment may choose alike; after so many clashes they do.
MAX_CLAIMS = 12
# For so long the lower one of two that clash waits for the other one to give way.
_GIVE_WAY_SECONDS = 0.1


def ask_rate(
    study: Study,
    trial: FrozenTrial,
    history: History,
    param_name: str,
    distribution: FloatDistribution,
    *,
    settings: Settings,
) -> float:
    """Choose the rate of a probe, inside the distribution, and write on the trial why.

    Workers see each other's rates only once they are written, so that two that choose at the same
    moment from different readings may choose alike. So a rate is claimed, and given up where
    another live probe turns out to have it: by the higher number at once, by the lower one where
    the other does not give way because it had made sure before. ``history`` is the study without
    the probe, just read.
    """
    own = attributes.read(trial)
    for _ in range(MAX_CLAIMS):
        part = part_of(history, own.search, {**(own.held or {}), **trial.params})
        proposal, (low, high) = propose_rate(part, trial.number, distribution)
        rate = fit_into(proposal.rate, distribution)
        attributes.write(study, trial, claim=rate)
        if _is_kept(study, trial, settings, part, rate):
            break
        history = read_history(study, settings, exclude=trial.number, rung=own.rung or 0)
    is_new_name = param_name != history.recorded_param
    attributes.write(
        study,
        trial,
        low=low,
        high=high,
        question=proposal.question,
        param=param_name if is_new_name else None,
    )
    return rate


def _is_kept(
    study: Study, trial: FrozenTrial, settings: Settings, history: History, rate: float
) -> bool:
    """Tell whether a claim may be kept: no other worker has the rate, or the other gives it up."""
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
    """Return the trials of live workers that took this rate since ``history`` was read."""
    own = attributes.read(trial)
    now = read_history(study, settings, exclude=trial.number, rung=own.rung or 0).of(own.search)
    known = {p.number for p in history.finished.probes}
    taken = {r.number: r.rate for r in now.running if r.rate is not None}
    taken |= {p.number: p.rate for p in now.finished.probes if p.number not in known}
    return [n for n, other in taken.items() if math.isclose(rate, other, rel_tol=1e-9)]
