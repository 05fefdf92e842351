"""Phase 2: the learning rate of the final trial, adjusted while it trains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

try:
    from torch.optim.lr_scheduler import LRScheduler
except ImportError as error:
    raise ImportError(
        "optuna_bisect.adjuster needs torch; install it with: pip install optuna_bisect[torch]"
    ) from error

from optuna_bisect._checks import check_bool, check_positive
from optuna_bisect.feedback.schedule import Schedule
from optuna_bisect.fitting import records
from optuna_bisect.study.trial_plan import trial_plan
from optuna_bisect.training import options as run_options
from optuna_bisect.training.adjustment import Adjustment
from optuna_bisect.training.distributed import refuse_repeats, share_plan
from optuna_bisect.training.divergence import Diverged
from optuna_bisect.training.move_log import Entry
from optuna_bisect.training.param_groups import RateWriter, read_rates, write_rates
from optuna_bisect.training.warmup_check import WarmupCheck
from optuna_bisect.trials import attributes

if TYPE_CHECKING:
    import torch
    from optuna.trial import BaseTrial
    from torch.optim import Optimizer
    from typing_extensions import Unpack

    from optuna_bisect.bracket import Bracket
    from optuna_bisect.feedback.schedule import Decay
    from optuna_bisect.feedback.settings import FeedbackOptions
    from optuna_bisect.training.snapshot import Restorable, Snapshot

__all__ = ["BisectionLR", "Diverged", "Entry"]


class BisectionLR(LRScheduler):
    """Adjust the rate inside the bracket that the search found.

    The rate is constant until an anneal over the second half of the run; losses raise or lower
    it as a whole. This shape was measured best, in final trials and after a race (studies/LOG.md).
    Call ``step`` after every ``optimizer.step()``. All lengths are steps as in ``trial.report``.

    Args:
        optimizer: Its parameter groups keep their rates' ratios to the first group's.
        bracket: Limits of the rate before the final anneal. None: no limits.
        start_lr: Rate of the first group at step 0, which is set: the best constant one for this
            run; with a decay the best one for ``probe_steps``.
        probe_steps: Length of the probes that found it. None: unknown, so no decay and no growth.
        final_steps: Length of this run. None: unknown, so no anneal.
        restore: A model and its optimizer, put back after a collapse; three copies in memory.
        steps_per_call: How many steps one call of ``step`` is.
        interval_steps: Steps between decisions, and between synchronisations with the device.
            None: 1/100 of ``final_steps``, but at least 5 in runs of 250 and more; or 1/10 of
            ``probe_steps`` where that is unknown, or 10. A race decides twice as often.
        horizon_exponent: Exponent of the law ``lr* ~ steps ** -exponent``, in [0, 1].
        anneal_fraction: Share of the run, at its end, in which the rate falls linearly; 0: none.
        decay: Shape before the anneal: ``"none"``, ``"law"``, or ``"inverse"`` for 1 / (1 + k t).
        min_lr: Rate of the first group at the end of the anneal; it never raises the rate.
        warmup_steps: Steps of linear warm-up at the beginning of this run, 0: none. A probe of
            ``for_trial`` has none.
        leg_fraction: With ``restore``, the run begins with a race of two rates or more from the
            first weights; this share of it is one leg. 0: no race.
        sync: Whether all processes of a group of torch train one model: each of them makes the
            scheduler and calls ``step``, and rank 0 decides. False: each has a run of its own.
        options: Of ``optuna_bisect.feedback.settings``; ``feedback=False`` leaves the schedule.

    Raises:
        ValueError: If a value is outside its range, or ``start_lr`` outside the bracket.
        TypeError: If ``optimizer`` is none, or an option is unknown.

    Example:
        >>> parameter = torch.nn.Parameter(torch.zeros(1))
        >>> optimizer = torch.optim.SGD([parameter], lr=0.1)
        >>> scheduler = BisectionLR(optimizer, Bracket(0.01, 1.0), start_lr=0.2, probe_steps=10)
        >>> scheduler.get_last_lr()
        [0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        bracket: Bracket | None,
        *,
        start_lr: float,
        probe_steps: int | None,
        final_steps: int | None = None,
        restore: tuple[Restorable, Restorable] | None = None,
        steps_per_call: int = 1,
        interval_steps: int | None = None,
        horizon_exponent: float = 0.32,
        anneal_fraction: float = run_options.ANNEAL_FRACTION,
        decay: Decay = "none",
        min_lr: float = 0.0,
        warmup_steps: int = 0,
        leg_fraction: float = 0.04,
        sync: bool = True,
        **options: Unpack[FeedbackOptions],
    ) -> None:
        run_options.check_objects(optimizer, bracket, restore)
        steps_per_call = check_positive("steps_per_call", steps_per_call, whole=True)
        schedule = Schedule(
            start_lr=start_lr,
            probe_steps=probe_steps,
            final_steps=final_steps,
            low=0.0 if bracket is None else bracket.low,
            high=math.inf if bracket is None else bracket.high,
            horizon_exponent=horizon_exponent,
            anneal_fraction=anneal_fraction,
            decay=decay,
            min_lr=min_lr,
            warmup_steps=warmup_steps,
        )
        # The base constructor would call step() without a loss; ReduceLROnPlateau skips it too.
        self._optimizer = optimizer
        self.last_epoch = self._step_count = 0
        self._run = Adjustment(schedule, restore, interval_steps, leg_fraction, options, sync=sync)
        self._steps_per_call, self._length = steps_per_call, final_steps
        self._trial: BaseTrial | None = None
        self._is_active = True
        self._rates, self._warmup_check = RateWriter(optimizer), WarmupCheck(None)
        self._set_rate()

    @classmethod
    def for_trial(cls, optimizer: Optimizer, trial: BaseTrial, **options: Any) -> BisectionLR:
        """Make the scheduler of a trial from its plan.

        In the final trial the rate of ``optimizer`` is set: to the winner's, corrected for the
        full length; with a ``decay`` to the winner's own. In a probe the rate stays as it is, and
        ``step`` judges nothing, as the pruner does; the probe only records how long the anneal of
        the final trial will be, which decides about the correction. A ``FixedTrial`` without
        ``probe_steps=`` has its own constant rate. No race unless ``leg_fraction`` asks for one.

        Args:
            optimizer: The optimizer; its first group has the suggested rate, or a share of it.
            trial: The running trial.
            options: Options of the constructor; they take precedence over the plan.
        """
        sync = check_bool("sync", options.get("sync", True))
        plan = share_plan(trial_plan(trial), trial, sync=sync)
        run_options.check_chosen(plan, optimizer, options)
        if plan.is_final:
            plan, unit = run_options.in_group_units(plan, trial, optimizer)
            scheduler = cls(optimizer, **run_options.plan_options(plan, optimizer, options))
            scheduler._trial, scheduler._run.unit = trial, unit
            records.hold(trial, scheduler._run.losses)
            return scheduler
        rates = read_rates(optimizer)
        scheduler = cls(optimizer, **run_options.idle_options(optimizer, options))
        scheduler._is_active, scheduler._length = False, plan.final_steps
        if options.get("restore") is not None:
            scheduler._run.keep_nothing()
        if plan.role == "probe":
            # The search learns from this what its rate has to be good for.
            attributes.write_live(trial, cool_down=scheduler._run.schedule.anneal_fraction)
            scheduler._warmup_check = WarmupCheck(plan.probe_steps)
            records.hold(trial, scheduler._run.losses)
        write_rates(optimizer, rates)
        scheduler._last_lr = rates
        return scheduler

    @property
    def history(self) -> list[Entry]:
        """Every move and what else happened: step, rate, signal, reason."""
        return self._run.log.entries

    @property
    def snapshot(self) -> Snapshot | None:
        """The weights that may come back; save its ``state_dict`` too for an exact resume.

        None without ``restore``; in a probe, where nothing comes back, an empty one.
        """
        return self._run.snapshot

    @property
    def optimizer(self) -> Optimizer:  # type: ignore[override]  # an attribute of the base class
        """The optimizer whose rates are set; composite schedulers that ask for it are refused."""
        run_options.refuse_composite()
        return self._optimizer

    @property
    def finished(self) -> bool:
        """Whether training may stop: a validation plateau, or ``final_steps`` reached."""
        return self._run.state.finished

    def step(  # type: ignore[override]  # takes losses, as ReduceLROnPlateau does
        self,
        train_loss: float | torch.Tensor | None = None,
        val_loss: float | torch.Tensor | None = None,
    ) -> bool:
        """Count one call, and at the end of an interval decide about the rate.

        Call it before ``trial.report``. A tensor stays on its device until the interval ends.

        Args:
            train_loss: Training loss of the batch, or the mean since the last call.
            val_loss: Validation loss, where one was computed since the last call.

        Returns:
            Whether the last good state was restored; do not report this loss then.

        Raises:
            Diverged: If a loss is not finite and nothing can be restored.
            TypeError: Without a loss; trainers have to be told to give it (studies/README.md). On
                a whole number, which is an epoch in torch's own schedulers.
            RuntimeError: If not every process of the run calls it, or one calls it repeatedly.
        """
        loss, val_loss = run_options.check_losses(train_loss, val_loss)
        refuse_repeats()
        self.last_epoch += 1
        run_options.check_length(self.last_epoch, self._steps_per_call, self._length)
        self._run.note(self._n_steps(), loss, val_loss)
        if not self._is_active:
            self._last_lr = read_rates(self._optimizer)
            self._warmup_check.see(self._n_steps(), self._optimizer)
            return False
        self._run.add(loss, val_loss)
        step, lr, is_restored = self._n_steps(), self._rates.lr, False
        if self._run.is_due(step):
            self._rates.is_stale = True
            is_restored = self._run.decide(step, lr, self._optimizer, self._trial)
        self._set_rate()
        return is_restored

    def state_dict(self) -> dict[str, Any]:
        """Return numbers, strings, tuples, lists and dictionaries, for ``weights_only=True``.

        The options come from the constructor. The weights that may come back are not part of it:
        where ``restore`` was given, save ``snapshot.state_dict()`` too and load it afterwards, and
        the resumed run equals an unbroken one. Without it a race that was not over is settled
        with its best rate, and the weights at the next call are the first good ones.
        """
        return {"last_epoch": self.last_epoch} | self._run.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a scheduler with the same options was, and set the rate of that step.

        Raises:
            ValueError: If it does not come from ``state_dict`` of this class.
            TypeError: If it is no dictionary.
        """
        last_epoch = run_options.check_last_epoch(state_dict)
        self._run.load_state_dict(state_dict)
        self.last_epoch = last_epoch
        if self._is_active:
            self._rates = RateWriter(self._optimizer)
            self._set_rate()

    def _n_steps(self) -> int:
        return self.last_epoch * self._steps_per_call

    def _set_rate(self) -> None:
        step = self._n_steps()
        if self._rates.write(self._run.rate(step), step):
            self._last_lr = read_rates(self._optimizer)
