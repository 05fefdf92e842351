"""What a finished trial counts as in a study: a probe, a final trial, or nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect.search.probe import Probe
from optuna_bisect.trials import internals
from optuna_bisect.trials.parameter import name_in
from optuna_bisect.trials.view import bounded, curve_of, others_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from optuna_bisect.trials import attributes
    from optuna_bisect.trials.view import View

# A run that its objective ended before this share of a probe is not compared with whole ones.
LEAST_LENGTH = 0.5


class Final(NamedTuple):
    """A final trial that has ended.

    Attributes:
        is_complete: Whether it ended with a finite value.
        has_diverged: Whether its loss or its value was not finite.
        has_failed: Whether it was in vain for a reason that a lower rate may not cure: ended by an
            exception or by another pruner, but not killed, or run to its end for no finite value.
        steps: Its length in steps, None if unknown.
        n_configurations: How many configurations its own was chosen from, None for one.
        winner: Number of the probe that it trains the configuration of.
    """

    number: int
    is_complete: bool
    has_diverged: bool
    has_failed: bool
    steps: int | None = None
    n_configurations: int | None = None
    winner: int | None = None


def is_spent(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> bool:
    """Tell whether the search spent a probe on a trial: what a user or idleness chose is free."""
    is_asked = attrs.role == "probe" and attrs.question != "spread"
    if _is_lost(trial, attrs):
        return False
    return is_asked and name_in(internals.fixed_params(trial), view.param_name) is None


def is_probe(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> bool:
    """Tell whether the search may learn from a trial: one with a rate that is not in vain."""
    if attrs.role == "surplus" or _is_lost(trial, attrs):
        return False
    name = name_in(trial.distributions, view.param_name)
    return isinstance(trial.distributions.get(name or ""), FloatDistribution)


def _is_lost(trial: FrozenTrial, attrs: attributes.Attrs) -> bool:
    """Tell whether a probe's worker died, was interrupted or lost its storage: ask it again."""
    if attrs.role != "probe" or trial.state != TrialState.FAIL or attrs.verdict is not None:
        return False
    return attrs.reason is None and all(map(math.isfinite, trial.intermediate_values.values()))


def to_probe(
    trial: FrozenTrial, attrs: attributes.Attrs, view: View, horizon: int | None
) -> Probe:
    """Read a trial as a probe; ``horizon`` is the step from which a run counts as full."""
    curve = curve_of(trial, view.report_sign)
    returned = trial.value if trial.state == TrialState.COMPLETE else None
    value = None if returned is None else view.value_sign * bounded(returned)
    by_value = view.probe_steps is None or not len(curve) or not math.isfinite(value or 0.0)
    reached = horizon is not None and curve.horizon >= horizon
    return Probe(
        number=trial.number,
        rate=float(trial.params[name_in(trial.params, view.param_name) or ""]),
        curve=curve,
        value=value if by_value else None,
        is_full=returned is not None or reached,
        is_short=horizon is not None and curve.horizon < LEAST_LENGTH * horizon,
        # A worker that died after its verdict has answered.
        is_broken=trial.state == TrialState.FAIL and attrs.verdict is None,
        question=attrs.question,
        judge=attrs.judge,
        search=attrs.search,
        others=others_of(trial, view),
    )


def to_final(trial: FrozenTrial, attrs: attributes.Attrs) -> Final:
    """Read a final trial that has ended."""
    values = [*trial.intermediate_values.values(), *(trial.values or [])]
    diverged = attrs.verdict == "overshoot" or not all(math.isfinite(v) for v in values)
    complete = trial.state == TrialState.COMPLETE and not diverged
    # A killed trial has no reason: the sampler's hook never ran for it.
    ended = not complete and not diverged and attrs.reason is not None
    is_wasted = diverged and trial.state == TrialState.COMPLETE
    chosen_from = attrs.n_configurations, attrs.winner
    steps = attrs.final_steps
    return Final(trial.number, complete, diverged, ended or is_wasted, steps, *chosen_from)
