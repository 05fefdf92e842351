"""One trial that several processes train: which of them asks, and how its end gets back."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING

import optuna
import torch.distributed as dist
from optuna.storages import InMemoryStorage
from optuna.trial import FixedTrial, Trial

from optuna_bisect.fitting import records
from optuna_bisect.training.distributed import is_group
from optuna_bisect.trials import internals

if TYPE_CHECKING:
    import torch
    from optuna.trial import BaseTrial

    from optuna_bisect.integrations.trial_reports import TrialReports

_PRUNED = "bisect:pruned"


class GroupTrial:
    """A trial for a trainer that may launch its own processes.

    An exception in one of those is an error to the trainer, so that it is told to stop instead.

    Args:
        trial: The trial, as the process has it that asked for it.
    """

    def __init__(self, trial: BaseTrial) -> None:
        self.trial, self._pid, self._is_pruned = trial, os.getpid(), False

    def join(self) -> None:
        """Take this process's part in the trial; every process of a group calls it.

        Raises:
            ValueError: In all processes, if the trial of one of them cannot be shared.
        """
        if not is_group():
            return
        complaints: list[str | None] = [None] * dist.get_world_size()
        dist.all_gather_object(complaints, self._complaint())
        for complaint in filter(None, complaints):
            raise ValueError(complaint)
        if not self._is_launched() or not isinstance(self.trial, Trial):
            return
        if dist.get_rank() > 0:
            self.trial = FixedTrial(self.trial.params, self.trial.number)
        else:
            # A fork has its parent's connection to the storage; a copy opens one of its own.
            self.trial = copy.deepcopy(self.trial)

    def add(self, reports: TrialReports, loss: float | torch.Tensor, n_updates: int = 1) -> bool:
        """Report the loss of some updates; return whether all trainers have to stop.

        Raises:
            TrialPruned: If the trial ends, in a process that trains alone.
        """
        if not is_group():
            if reports.add(loss, n_updates):
                raise optuna.TrialPruned
            return False
        if self._is_pruned:
            return True  # the trainer has a least number of steps
        try:
            self._is_pruned = reports.add(loss, n_updates)
        except optuna.TrialPruned:  # it diverged
            self._is_pruned = True
        if self._is_pruned and self._is_launched():
            internals.write_hidden(self.trial, _PRUNED, self.trial.number)
        return self._is_pruned

    def leave(self) -> None:
        """Write what a launched process has of the trial when the training ends."""
        if self._is_launched():
            records.write_held(self.trial)

    def check_pruned(self) -> None:
        """Raise ``TrialPruned`` if the trial has ended, here or in a process launched for it."""
        # A clone carries the number of the trial that it repeats.
        noted = internals.read_hidden(self.trial, _PRUNED)
        if self._is_pruned or (noted is not None and noted == self.trial.number):
            raise optuna.TrialPruned

    def _is_launched(self) -> bool:
        """Tell whether this process was launched to train, and has a copy of the trial."""
        return os.getpid() != self._pid

    def _complaint(self) -> str | None:
        """Return why this process cannot take part."""
        if not isinstance(self.trial, Trial):
            return None
        if not self._is_launched():
            return None if dist.get_rank() == 0 else _EACH_ITS_OWN
        return _NO_STORAGE if isinstance(self.trial.storage, InMemoryStorage) else None


_EACH_ITS_OWN = (
    "BisectionCallback needs one trial for all processes, but each has one of its own, as under "
    "strategy='ddp', which runs the script again: start it with torchrun and give the callback a "
    "TorchDistributedTrial (studies/README.md), or use strategy='ddp_spawn' or 'ddp_fork'."
)
_NO_STORAGE = (
    "BisectionCallback reports from the processes that fit launches, so the study needs a storage "
    "that they can open, such as create_study(storage='sqlite:///study.db'), but got "
    "InMemoryStorage."
)
