"""Lightning: a callback that reports by batch, ends a probe within an epoch, and sets the rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from lightning.pytorch.callbacks import Callback
except ImportError as error:
    raise ImportError(
        "optuna_bisect.integrations.lightning needs lightning; install it with: "
        "pip install optuna_bisect[lightning]"
    ) from error

from optuna_bisect._logger import warn_once
from optuna_bisect.integrations.group_trial import GroupTrial
from optuna_bisect.integrations.trial_reports import TrialReports

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from optuna.trial import BaseTrial


class BisectionCallback(Callback):  # type: ignore[misc]  # mypy sees no Lightning
    """Reports the training loss of a trial, ends it where it is pruned, and sets its rate.

    Steps are updates; the ``Trainer`` is set up for the full run in every trial. Call
    ``check_pruned`` after ``fit`` where several processes train.

    Args:
        trial: The trial.
        monitor: Validation loss for ``BisectionLR``, where the module logs it.
        adjust: Whether ``BisectionLR`` sets the rate of the full run. False: a scheduler of the
            module does; ``BisectionSampler(final_schedule=...)`` is told its shape.
        options: Options of ``BisectionLR.for_trial``.
    """

    def __init__(
        self, trial: BaseTrial, *, monitor: str = "val_loss", adjust: bool = True, **options: Any
    ) -> None:
        super().__init__()
        self._group, self._reports = GroupTrial(trial), None  # type: Any, Any
        self._monitor, self._adjust, self._options = monitor, adjust, options

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Take the rate in hand; the module's own schedule would set it as well."""
        self._group.join()
        n_own = len(trainer.optimizers), len(trainer.lr_scheduler_configs)
        if self._adjust and n_own != (1, 0):
            raise ValueError(
                "configure_optimizers must return one optimizer and no scheduler (BisectionLR is "
                f"it), or say adjust=False, but got {n_own[0]} and {n_own[1]}."
            )
        n = trainer.estimated_stepping_batches  # a float, inf, where unknown
        self._reports = TrialReports(self._group.trial, n if isinstance(n, int) else None)
        if self._adjust:
            self._reports.adjust(trainer.optimizers[0], **self._options)
        self._losses: list[Any] = []
        self._n_seen = self._n_updates(trainer)  # a checkpoint may have brought some

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *_: Any) -> None:  # noqa: ARG002
        """Take in the loss of the batch; report where enough have come."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is not None:  # of a batch that was not left out
            # What Lightning hands on is divided by the number of batches of an update.
            self._losses.append(loss.detach() * trainer.accumulate_grad_batches)
        n_new = self._n_updates(trainer) - self._n_seen
        if not n_new or not self._losses:
            return
        self._n_seen += n_new
        loss, self._losses = sum(self._losses) / len(self._losses), []
        trainer.should_stop |= self._group.add(self._reports, loss, n_new)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Say it where there was no loss at all."""
        if not self._reports.n_updates:
            warn_once(
                "BisectionCallback needs the training loss, but training_step returned none in a "
                "whole epoch: let it return the loss, or a dictionary with 'loss'.",
                "no loss",
            )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Keep the validation loss for the next decision about the rate."""
        if self._reports is not None:  # in a run, and not in the check of sanity before it
            self._reports.val_loss = trainer.callback_metrics.get(self._monitor)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write what is left to write."""
        self._group.leave()

    def _n_updates(self, trainer: Trainer) -> int:
        return int(trainer.global_step) // max(1, len(trainer.optimizers))

    def check_pruned(self) -> None:
        """Raise ``TrialPruned`` after ``fit`` where several processes trained a pruned trial."""
        self._group.check_pruned()
