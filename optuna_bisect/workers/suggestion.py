"""The value that an objective's ``suggest_*`` call gets, by the role of its trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna_bisect._logger import logger
from optuna_bisect.decisions import rate_name
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes, internals
from optuna_bisect.trials.parameter import fit_into
from optuna_bisect.trials.values import param_of
from optuna_bisect.workers.configuration import held_value, hold
from optuna_bisect.workers.rate_claim import ask_rate

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.settings import Settings


def choose_rate(
    study: Study,
    trial: FrozenTrial,
    name: str,
    distribution: BaseDistribution,
    settings: Settings,
) -> float | None:
    """Return the trial's rate, None where this parameter is another one."""
    attrs, chosen = attributes.read(trial), settings.param_name
    rate_range = rate_name.possible_range(name, distribution, chosen)
    own = {**trial.distributions, name: distribution}
    is_wrong = chosen is None and rate_name.is_plainly_wrong(name, own)
    if rate_range is None and not is_wrong:
        return None
    history = read_history(study, settings, exclude=trial.number, rung=attrs.rung or 0)
    if rate_range is None:
        rate_range = rate_name.wrong_range(name, distribution, history.view.param_name)
        if rate_range is None:
            return None
    is_rate = name == chosen if chosen else rate_name.is_rate(name, own, history)
    if attrs.lr is None or attrs.role == "probe":
        if not is_rate:
            return None
        return ask_rate(study, trial, history, name, rate_range, settings=settings)
    if not is_rate:
        winner = internals.trial_of(study, attrs.winner or 0)
        if not rate_name.is_renamed(name, own, history, winner):
            return None
        logger.warning(rate_name.renamed(name, history.view.param_name, trial.number))
    return fit_into(attrs.lr, rate_range)


def choose_other(
    study: Study,
    trial: FrozenTrial,
    name: str,
    distribution: BaseDistribution,
    *,
    stale_after: float | None,
    sampler: BaseSampler,
) -> Any:
    """Return what the winner or the search holds, else what ``sampler`` draws."""
    attrs = attributes.read(trial)
    if attrs.winner is not None:
        value = param_of(study, attrs.winner, name, distribution)
        if value is not internals.MISSING:
            return value
    if attrs.role == "probe" and attrs.search is not None:
        value = held_value(study, trial, name, distribution, stale_after)
        if value is not internals.MISSING:
            return value
    value = sampler.sample_independent(study, trial, name, distribution)
    return hold(study, trial, name, distribution, value) if attrs.role == "probe" else value
