"""The exception of a run whose loss is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna

from optuna_bisect._checks import check_not_negative, number_of, wrong
from optuna_bisect.trials import attributes
from optuna_bisect.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


class Diverged(FloatingPointError):
    """A loss that is not finite, with no good weights to go back to.

    Under ``BisectionLR.for_trial`` it is an ``optuna.TrialPruned`` as well: the study goes on.

    Attributes:
        step: Steps done when it was noticed.
        lr: Rate of the first parameter group at that time.
    """

    def __init__(self, step: int, lr: float) -> None:
        self.step = check_not_negative("step", step)
        rate = number_of(lr)
        if rate is None:
            raise wrong("lr", "be a number", lr)
        self.lr = rate
        super().__init__(f"The loss is not finite at step {step} with learning rate {rate:.6g}.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by step and rate: process pools send exceptions back."""
        return type(self), (self.step, self.lr)


class DivergedTrial(Diverged, optuna.TrialPruned):
    """The same inside a trial."""


def divergence(step: int, lr: float, trial: BaseTrial | None) -> Diverged:
    """Make the exception to raise; inside a trial, first record the verdict.

    A finished trial is read-only, so this cannot wait until Optuna has caught the exception.
    """
    if trial is None:
        return Diverged(step, lr)
    diverged = DivergedTrial(step, lr)
    verdict = Verdict("overshoot", 1.0, str(diverged))
    attributes.write_live(trial, **attributes.verdict_attrs(verdict))
    return diverged
