"""Keras 3: a callback that reports by batch, ends a probe within an epoch, and sets the rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna

try:
    from keras.callbacks import Callback
except ImportError as error:
    raise ImportError(
        "optuna_bisect.integrations.keras needs keras; install it with: "
        "pip install optuna_bisect[keras]"
    ) from error

import torch

from optuna_bisect.integrations.trial_reports import TrialReports

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


class BisectionCallback(Callback):  # type: ignore[misc]  # mypy sees no Keras
    """Reports the training loss of a trial, ends it where it is pruned, and sets its rate.

    Steps are batches; ``fit`` is called for the full run in every trial. ``BisectionLR`` needs
    torch, whatever the backend is.

    Args:
        trial: The trial.
        adjust: Whether ``BisectionLR`` sets the rate of the full run, for which the optimizer is
            made with a float. False: its own schedule does, which
            ``BisectionSampler(final_schedule=...)`` is told.
        options: Options of ``BisectionLR.for_trial``, but for ``restore``.
    """

    def __init__(self, trial: BaseTrial, *, adjust: bool = True, **options: Any) -> None:
        super().__init__()
        self._trial, self._is_adjusting, self._options = trial, adjust, options

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Take the rate in hand."""
        steps, epochs = self.params.get("steps"), self.params.get("epochs")
        self._reports = TrialReports(self._trial, steps and epochs and steps * epochs)
        # A scheduler of torch wants an optimizer of torch: this one trains nothing.
        rate, self._rate = float(self.model.optimizer.learning_rate), None
        self._carrier = torch.optim.SGD([torch.zeros(1)], rate)
        if self._is_adjusting:
            self._reports.adjust(self._carrier, **self._options)
            self._set_rate()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Begin a new mean, as Keras does."""
        self._n_before, self._sum_before = 0, 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take in the loss of the batch; report where enough have come."""
        # What Keras gives is the mean of the epoch so far.
        n_new, total = batch + 1 - self._n_before, logs["loss"] * (batch + 1)
        loss = (total - self._sum_before) / n_new
        self._n_before, self._sum_before = batch + 1, total
        if self._reports.add(loss, n_new):
            raise optuna.TrialPruned
        if self._is_adjusting:
            self._set_rate()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Keep the validation loss for the next decision about the rate."""
        self._reports.val_loss = (logs or {}).get("val_loss")

    def _set_rate(self) -> None:
        """Copy a new rate; also in the first probe, where Keras refuses if it has a schedule."""
        rate = self._carrier.param_groups[0]["lr"]
        if rate != self._rate and self._reports.role is not None:
            self.model.optimizer.learning_rate = self._rate = rate
