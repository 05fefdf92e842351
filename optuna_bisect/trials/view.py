"""A single trial as the search sees it: its rate, its other parameters, its learning curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.trials import attributes
from optuna_bisect.trials.parameter import as_rate, find_rate_name, name_in
from optuna_bisect.verdicts.curve import Curve

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# A larger loss counts as infinite: differences and sums of such ones overflow.
LARGEST = 1e300


class View(NamedTuple):
    """How trials are read: everything that turns a trial into a probe.

    Attributes:
        param_name: Name of the rate, None while no trial has one.
        probe_steps: Length of a probe, None if unknown.
        report_sign: 1 where reports are to be minimised, -1 where maximised.
        value_sign: The same for returned values.
    """

    param_name: str | None
    probe_steps: int | None
    report_sign: int
    value_sign: int


def reports_of(trial: FrozenTrial) -> list[tuple[int, float]]:
    """Return steps and reported values in the order of time, the steps counted up from near 0."""
    first = attributes.read(trial).first_step or 0
    # A copy, taken at once: in memory another thread may be reporting at this moment.
    reports = list(trial.intermediate_values.items())
    return sorted((abs(s - first), bounded(v)) for s, v in reports)


def bounded(value: float) -> float:
    """Take a value for infinite where sums of such values may be."""
    return math.copysign(math.inf, value) if abs(value) > LARGEST else float(value)


def curve_of(trial: FrozenTrial, sign: int) -> Curve:
    """Return a trial's reports as a curve to be minimised."""
    reports = reports_of(trial)
    return Curve(tuple(s for s, _ in reports), tuple(sign * v for _, v in reports))


def rate_of(trial: FrozenTrial, view: View) -> float | None:
    """Return a trial's learning rate, by its own names where no other trial has one yet."""
    name = view.param_name or find_rate_name([trial.distributions])
    return as_rate(trial.params.get(name_in(trial.params, name) or ""))


def others_of(trial: FrozenTrial, view: View) -> dict[str, Any]:
    """Return a trial's parameters without the rate."""
    # A copy, taken at once: in memory another thread may be suggesting at this moment.
    params = dict(trial.params)
    rate = name_in(params, view.param_name)
    return {name: value for name, value in params.items() if name != rate}
