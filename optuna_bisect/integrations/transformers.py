"""Transformers: a callback that reports the training loss of a Trainer and sets its rate."""

from __future__ import annotations

from typing import Any

import optuna

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(
        "optuna_bisect.integrations.transformers needs transformers; install it with: "
        "pip install optuna_bisect[transformers]"
    ) from error

from optuna_bisect.integrations.trial_reports import TrialReports


class BisectionCallback(TrainerCallback):  # type: ignore[misc]  # mypy sees no Transformers
    """Reports the training loss of a trial, ends it where it is pruned, and sets its rate.

    Steps are updates; the ``Trainer`` is set up for the full run in every trial. Its log gets more
    lines. ``hyperparameter_search`` judges by evaluations where a probe has four, else by losses.

    Args:
        trial: The trial. None: ``hyperparameter_search`` gives it to ``watch``.
        adjust: Whether ``BisectionLR`` sets the rate of the full run, after its warm-up. False:
            the Trainer's schedule does, which ``BisectionSampler(final_schedule=)`` is told.
        options: Options of ``BisectionLR.for_trial``, but for ``restore``.
    """

    def __init__(self, trial: Any = None, *, adjust: bool = True, **options: Any) -> None:
        self._trial, self._is_searching = trial, trial is None
        self._is_adjusting, self._options = adjust, options
        self._reports: TrialReports | None = None

    def watch(self, hp_space: Any) -> Any:
        """Return the search space for ``hyperparameter_search``, which shows each trial."""

        def seen(trial: Any) -> Any:
            self._trial = trial
            return hp_space(trial)

        return seen

    def on_train_begin(self, args: Any, state: Any, control: Any, **parts: Any) -> None:  # noqa: ARG002
        """Take the rate in hand, where this is a trial."""
        self._reports = None
        if self._is_searching and not state.is_hyper_param_search:
            return  # a run after the search
        if self._trial is None:
            raise RuntimeError("hyperparameter_search needs hp_space=callback.watch(hp_space).")
        self._reports = TrialReports(self._trial, state.max_steps)
        options = {"warmup_steps": args.get_warmup_steps(state.max_steps)} | self._options
        if self._is_adjusting:
            self._reports.adjust(parts["optimizer"], parts["lr_scheduler"], **options)
        if self._is_searching and args.eval_strategy != "no":
            # The search reports evaluations by itself: no losses between them.
            self._reports.leave(state.eval_steps if args.eval_strategy == "steps" else None)
        args.eval_on_start &= self._reports.is_silent
        args.logging_nan_inf_filter = False  # it hides what is not finite

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for the loss where a report is due."""
        control.should_log |= self._reports is not None and self._reports.is_due(state.global_step)
        self.on_epoch_end(args, state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Leave out what a probe has no use for."""
        if self._reports is not None and self._reports.role == "probe":
            control.should_evaluate &= self._reports.is_silent
            control.should_save = False

    def on_log(self, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:  # noqa: ARG002
        """Take in the mean loss since the last line of the log."""
        if (reports := self._reports) is None or "loss" not in logs:
            return
        if reports.add(logs["loss"], state.global_step - reports.n_updates):
            raise optuna.TrialPruned
