"""What one trial is for: the plan that the sampler wrote on it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FixedTrial, Trial

from optuna_bisect.trials import attributes, internals

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from optuna_bisect.bracket import Bracket
    from optuna_bisect.trials.attributes import Role


@dataclass(frozen=True)
class TrialPlan:
    """The role of a trial and what goes with it.

    Attributes:
        role: ``"probe"``, ``"final"``, ``"surplus"``, or None for a trial of another sampler.
        bracket: The bracket that the trial was proposed from; for the final trial the limits of
            Phase 2. None where unknown, or where the range is not positive.
        start_lr: The winner's own rate, the best for ``probe_steps``; a decay by the horizon law
            starts there. None in a probe.
        probe_steps: Length of a probe in steps, None if unknown.
        final_steps: Length of the full run in steps, None if unknown.
        seed: Seed for weights and data order. All probes of a study share it, so that they
            differ in nothing but the rate; the final trial has another.
        lr: The winner's rate corrected for ``final_steps``: what the final trial is given, and
            where Phase 2 starts. None in a probe.
    """

    role: Role | None
    bracket: Bracket | None = None
    start_lr: float | None = None
    probe_steps: int | None = None
    final_steps: int | None = None
    seed: int | None = None
    lr: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether this is the one full-length trial after the search."""
        return self.role == "final"

    @property
    def n_steps(self) -> int | None:
        """How many steps this trial should run; None if unknown."""
        return self.final_steps if self.is_final else self.probe_steps


def trial_plan(trial: BaseTrial) -> TrialPlan:
    """Read the plan of a live or finished trial from its attributes alone.

    The objective asks this instead of guessing from the trial number: how long to run, which
    seed to use, whether this is the final trial.

    Args:
        trial: A live ``Trial``, a ``FrozenTrial``, or a ``FixedTrial``. The last one is how
            Optuna re-runs an objective with known parameters, so it counts as final, starting
            at its own rate, with no bracket and with seed 0. Trainers also give it to the ranks
            that follow rank 0 in a process group of torch; there its role is not known (None),
            and ``BisectionLR.for_trial`` takes the plan from rank 0.

    Returns:
        The plan. On a trial of another sampler every field is None.

    Example:
        >>> import optuna
        >>> trial_plan(optuna.trial.FixedTrial({"lr": 0.1})).is_final
        True
    """
    if isinstance(trial, FixedTrial):
        role: Role | None = None if internals.is_follower() else "final"
        return TrialPlan(role=role, start_lr=internals.fixed_rate(trial), seed=0)
    attrs = attributes.read(trial)
    if attrs.role == "probe" and not attrs.asked and isinstance(trial, Trial):
        # A probe that reports nothing shows by this alone that it may have run for its length.
        with contextlib.suppress(UpdateFinishedTrialError):
            attributes.write_live(trial, asked=True)
    return TrialPlan(**{field.name: getattr(attrs, field.name) for field in fields(TrialPlan)})
