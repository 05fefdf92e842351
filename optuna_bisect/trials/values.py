"""Values of parameters as they come back: every storage but memory returns a tuple as a list."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, check_distribution_compatibility

from optuna_bisect.trials import internals
from optuna_bisect.trials.internals import MISSING

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


def plain(value: Any) -> Any:
    """Return a value with lists in place of its tuples, as JSON has it."""
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def is_equal(a: Any, b: Any) -> bool:
    """Tell whether two values are the same choice; NaN may be one, which differs from itself."""
    if isinstance(a, tuple) or isinstance(b, tuple):
        a, b = plain(a), plain(b)
    return bool(a == b) or all(isinstance(v, float) and math.isnan(v) for v in (a, b))


def value_in(trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
    """Return a trial's parameter as a distribution has it, ``MISSING`` where that forbids it."""
    if name not in trial.params or not _is_compatible(trial.distributions[name], distribution):
        return MISSING
    return allowed(trial.params[name], distribution)


def allowed(value: Any, distribution: BaseDistribution) -> Any:
    """Return a stored value as a distribution has it, ``MISSING`` where that forbids it."""
    if internals.is_value_of(distribution, value):
        return value
    choices = distribution.choices if isinstance(distribution, CategoricalDistribution) else ()
    return next((choice for choice in choices if is_equal(choice, value)), MISSING)


def _is_compatible(old: BaseDistribution, new: BaseDistribution) -> bool:
    try:
        check_distribution_compatibility(old, new)
    except ValueError:
        both = [d.choices for d in (old, new) if isinstance(d, CategoricalDistribution)]
        return len(both) == 2 and len(both[0]) == len(both[1]) and all(map(is_equal, *both))
    return True


def param_of(study: Study, number: int, name: str, distribution: BaseDistribution) -> Any:
    """Return an earlier trial's parameter where the distribution allows it, else ``MISSING``."""
    trial = internals.trial_of(study, number)
    return value_in(trial, name, distribution) if trial else MISSING
