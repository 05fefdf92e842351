"""Values that fit into a parameter's distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.distributions import check_distribution_compatibility

from optuna_bisect.study import attributes

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution, FloatDistribution
    from optuna.study import Study


def fit_into(rate: float, distribution: FloatDistribution) -> float:
    """Move a rate into a distribution, onto its steps where it has some."""
    if distribution.step is not None:
        n = round((rate - distribution.low) / distribution.step)
        rate = distribution.low + n * distribution.step
    return float(min(max(rate, distribution.low), distribution.high))


def param_of(study: Study, number: int, param_name: str, distribution: BaseDistribution) -> Any:
    """Return a parameter of an earlier trial where the distribution allows it, else None."""
    trial = next((t for t in attributes.all_trials(study) if t.number == number), None)
    if trial is None or param_name not in trial.params:
        return None
    try:
        check_distribution_compatibility(trial.distributions[param_name], distribution)
        internal = distribution.to_internal_repr(trial.params[param_name])
    except ValueError:
        return None
    return trial.params[param_name] if distribution._contains(internal) else None
