"""The reports of one trial, from the losses that a trainer's callback is given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch.distributed as dist
from optuna.trial import FixedTrial, Trial

from optuna_bisect._logger import warn_once
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.study.trial_plan import trial_plan
from optuna_bisect.training.distributed import broadcast, is_group, share_plan

if TYPE_CHECKING:
    import torch
    from optuna.trial import BaseTrial
    from torch.optim import Optimizer

# The first one comes before any update, so that a probe is judged by 26 reports.
_PER_PROBE = 25
# A step of the anneal is then half a percent of the rate, and BisectionLR decides at every second.
_PER_RUN = 200
# With fewer evaluations in a probe than this its losses say more.
_LEAST_EVALUATIONS = 4


class TrialReports:
    """Reports the losses of one trial, steps its scheduler, and says when it has to end.

    Args:
        trial: The trial.
        length: Updates that the trainer makes in a full run, None if unknown.
        sync: Whether all processes of a group of torch train one model.

    Attributes:
        role: The role of the trial, None under another sampler.
        n_updates: Updates so far.
        val_loss: A validation loss that the scheduler has not been given yet.
        is_silent: Whether someone else reports.
    """

    def __init__(self, trial: BaseTrial, length: int | None, *, sync: bool = True) -> None:
        self._trial, self._is_shared = trial, sync and is_group()
        plan = share_plan(trial_plan(trial), trial, sync=sync)
        self.role, self.is_silent = plan.role, False
        self._end = plan.probe_steps if plan.role == "probe" else None
        steps = self._end or length or plan.final_steps or 1
        self._every = max(1, steps // (_PER_RUN if self._end is None else _PER_PROBE))
        self._scheduler: BisectionLR | None = None
        self.n_updates = 0
        self.val_loss: float | torch.Tensor | None = None
        self._sum: float | torch.Tensor = 0.0
        self._n_summed = 0
        if None not in (length, plan.final_steps) and length != plan.final_steps:
            warn_once(
                f"The trainer makes {length} updates in a full run, but the sampler has "
                f"final_steps={plan.final_steps}: give it final_steps={length}.",
                "length",
                length,
                plan.final_steps,
            )

    def adjust(self, optimizer: Optimizer, schedule: Any = None, **options: Any) -> None:
        """Have ``BisectionLR`` set the rate; a trial of another sampler keeps its own schedule.

        Args:
            optimizer: The optimizer.
            schedule: The trainer's own one: from now on it only tells the rate.
            options: Options of ``BisectionLR.for_trial``.
        """
        if self.role is None:
            return
        if schedule is not None:
            _silence(schedule, optimizer)
        options = {"steps_per_call": self._every} | options
        self._scheduler = BisectionLR.for_trial(optimizer, self._trial, **options)

    def leave(self, every: int | None) -> None:
        """Leave reporting to a trainer that does so every so many updates, if that is enough.

        In a full run it always is. Evaluations and training losses in turn would say nothing.
        """
        is_enough = every is not None and every * _LEAST_EVALUATIONS <= (self._end or math.inf)
        # A surplus trial ends at its first report, and an evaluation may be far.
        self.is_silent = self.role != "surplus" and (self._end is None or is_enough)

    def is_due(self, n_updates: int) -> bool:
        """Tell whether a report is due after a number of updates."""
        before = self.n_updates
        is_over = self._end is not None and before < self._end <= n_updates
        return before == 0 or is_over or n_updates // self._every > before // self._every

    def add(self, loss: float | torch.Tensor, n_updates: int = 1) -> bool:
        """Take in the mean loss of some more updates; return whether the trial has to end.

        A tensor stays on its device until a report is due.
        """
        before, is_due = self.n_updates, self.is_due(self.n_updates + n_updates)
        self.n_updates += n_updates
        self._sum, self._n_summed = self._sum + loss * n_updates, self._n_summed + n_updates
        if not is_due:
            return False
        mean = float(self._sum / self._n_summed)
        self._sum, self._n_summed = 0.0, 0
        is_restored = False
        for _ in range(before // self._every, self.n_updates // self._every):
            if self._scheduler is not None:
                is_restored |= self._scheduler.step(mean, self.val_loss)
                self.val_loss = None
        return not is_restored and not self.is_silent and self._is_pruned(mean)

    def _is_pruned(self, loss: float) -> bool:
        """Report a loss and ask whether to prune, in a process group on rank 0 for all.

        A trial that asks all ranks by itself, as TorchDistributedTrial does, is asked on all.
        """
        if not self._is_shared or not isinstance(self._trial, Trial | FixedTrial):
            self._trial.report(loss, self.n_updates - 1)
            return self._trial.should_prune()
        is_pruned = False
        if dist.get_rank() == 0:
            self._trial.report(loss, self.n_updates - 1)
            is_pruned = self._trial.should_prune()
        return broadcast(is_pruned)


def _silence(schedule: Any, optimizer: Optimizer) -> None:
    """Have a schedule tell the rate and not set it; a warm-up has set it to 0 already."""

    def step(*_: Any) -> None:
        schedule._last_lr = [group["lr"] for group in optimizer.param_groups]

    for group in optimizer.param_groups:
        group["lr"] = group.get("initial_lr", group["lr"])
    schedule.step = step
