"""Which parameter of a study is the learning rate, and which values it may take."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from optuna.distributions import FloatDistribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.distributions import BaseDistribution

# lr, learning_rate, lr_init, optimizer.lr, eta, step_size
_KNOWN_NAME = re.compile(
    r"(^|[^a-z])(lr|learning[_\-. ]?rate|step[_\-. ]?size|eta)([^a-z]|$)", re.IGNORECASE
)


@functools.lru_cache
def is_known_name(name: str) -> bool:
    """Tell whether training code calls its learning rate by this name."""
    return _KNOWN_NAME.search(name) is not None


def is_log_float(distribution: BaseDistribution) -> bool:
    """Tell whether a parameter is a float on a log scale."""
    return isinstance(distribution, FloatDistribution) and distribution.log


def find_rate_name(spaces: Iterable[Mapping[str, BaseDistribution]]) -> str | None:
    """Return the first log-scale float with a known name, else the first one of any name.

    ``spaces`` are the distributions by parameter name, one mapping a trial, oldest first.
    """
    first = None
    for space in spaces:
        for name, distribution in space.items():
            if is_log_float(distribution):
                if is_known_name(name):
                    return name
                first = first or name
    return first


def prefer_known_name(found: str | None, space: Mapping[str, BaseDistribution]) -> str | None:
    """Return ``found``, or the rate in ``space`` where only that one has a known name."""
    name = find_rate_name([space])
    if found is None or (not is_known_name(found) and name is not None and is_known_name(name)):
        return name
    return found


def rivals(space: Mapping[str, BaseDistribution]) -> list[str]:
    """Return all log-scale floats where there are several and none has a known name, else none."""
    names = [name for name, distribution in space.items() if is_log_float(distribution)]
    return [] if len(names) < 2 or any(is_known_name(name) for name in names) else names


def as_rate(value: Any) -> float | None:
    """Return a parameter's value as a float, None where it is no number.

    A user may enqueue or add an int or a numpy number, which Optuna keeps as it came.
    """
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def fit_into(rate: float, distribution: FloatDistribution) -> float:
    """Move a rate into a distribution, onto its steps where it has some."""
    if distribution.step is not None:
        n = round((rate - distribution.low) / distribution.step)
        rate = distribution.low + n * distribution.step
    return float(min(max(rate, distribution.low), distribution.high))
