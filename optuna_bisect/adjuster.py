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

from optuna_bisect.feedback.engine import Settings, State, advance, begin_race, end_race, rate
from optuna_bisect.feedback.schedule import Schedule
from optuna_bisect.feedback.state import pack, unpack
from optuna_bisect.study.trial_plan import trial_plan
from optuna_bisect.training.distributed import share
from optuna_bisect.training.divergence import Diverged, divergence
from optuna_bisect.training.loss_meter import Meter
from optuna_bisect.training.move_log import Entry, Journal
from optuna_bisect.training.options import (
    check_loss,
    check_options,
    default_interval,
    leg_levels,
    plan_options,
)
from optuna_bisect.training.param_groups import find_ratios, first_rate, read_rates, write_rates
from optuna_bisect.training.restorer import follow
from optuna_bisect.training.snapshot import Snapshot

if TYPE_CHECKING:
    import torch
    from optuna.trial import BaseTrial
    from torch.optim import Optimizer

    from optuna_bisect.bracket import Bracket
    from optuna_bisect.feedback.schedule import Decay
    from optuna_bisect.training.snapshot import Restorable

__all__ = ["BisectionLR", "Diverged", "Entry"]

_RACE_THRESHOLD = 0.2
"""Elasticity that asks for a higher rate after a race, which knows it to a factor of three."""
_MAX_RESTORES = 20
"""Collapses in a row after which a loss that is not finite is given up."""


class BisectionLR(LRScheduler):
    """Adjust the rate inside the bracket that the search found.

    A decay and a final anneal give the shape; losses raise or lower it as a whole. Call `step`
    after every ``optimizer.step()``. All lengths are steps as in ``trial.report``.

    Args:
        optimizer: Its parameter groups keep their rates' ratios to the first group's.
        bracket: Limits of the rate before the final anneal. None: no limits.
        start_lr: Rate of the first group at step 0: the best rate of a short run. It is set.
        probe_steps: Length of that short run. None: unknown, so no decay and no growth.
        final_steps: Length of this run. None: unknown, so no anneal.
        restore: A model and its optimizer, whose last good state comes back after a collapse.
            Costs three copies of the model in memory.
        steps_per_call: How many steps one call of `step` is.
        interval_steps: Steps between decisions, and between synchronisations with the device.
            None: 1/100 of ``final_steps``, but at least 5 in runs of 250 and more; or 1/10 of
            ``probe_steps`` where that is unknown, or 10. A race decides twice as often.
        horizon_exponent: See `optuna_bisect.schedule.Schedule`.
        anneal_fraction: Share of the run, at its end, in which the rate falls linearly; 0: none.
            None: a half after a race, else a quarter.
        decay: Shape before the anneal: ``"law"``, ``"inverse"`` or ``"none"``. None: none after a
            race, which finds the rate itself, else the law.
        min_lr: Rate of the first group at the end of the anneal.
        warmup_steps: Steps of linear warm-up, 0: none.
        leg_fraction: With ``restore``, the run begins with a race of three rates or more from the
            first weights (`optuna_bisect.race`); this share of it is one leg. 0: no race.
        options: Options of the feedback: see `optuna_bisect.rules.Settings`. ``feedback=False``
            leaves decay, anneal and restoring.

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
        anneal_fraction: float | None = None,
        decay: Decay | None = None,
        min_lr: float = 0.0,
        warmup_steps: int = 0,
        leg_fraction: float = 0.04,
        **options: Any,
    ) -> None:
        check_options(optimizer, restore, steps_per_call, interval_steps, leg_fraction)
        # The base constructor would call step() without a loss; ReduceLROnPlateau skips it too.
        self.optimizer = optimizer
        self._settings = Settings(**options)
        self._steps_per_call = steps_per_call
        self._interval_steps = interval_steps or default_interval(probe_steps, final_steps)
        self._leg_interval = max(1, self._interval_steps // 2)
        n_levels = 0
        if restore is not None and self._settings.feedback:
            n_levels = leg_levels(leg_fraction, self._leg_interval, final_steps)
        if n_levels:
            self._settings = Settings(**({"threshold": _RACE_THRESHOLD} | options))
        if anneal_fraction is None:
            anneal_fraction = 0.5 if n_levels else 0.25
        self._schedule = Schedule(
            start_lr=start_lr,
            probe_steps=probe_steps,
            final_steps=final_steps,
            low=None if bracket is None else bracket.low,
            high=None if bracket is None else bracket.high,
            horizon_exponent=horizon_exponent,
            anneal_fraction=anneal_fraction,
            decay=decay or ("none" if n_levels else "law"),
            min_lr=min_lr,
            warmup_steps=warmup_steps,
        )
        self._restore = restore
        # Taken now: the weights before the first update are what an early collapse goes back to.
        self._snapshot = None if restore is None else Snapshot(restore)
        self._trial: BaseTrial | None = None
        self._is_active = True
        self._ratios = find_ratios(optimizer)
        self._journal = Journal()
        self._state = begin_race(self._schedule, n_levels) if n_levels else State()
        self.last_epoch = 0
        self._meter = Meter()
        self._lr = math.nan
        self._set_rate(self._rate())

    @classmethod
    def for_trial(cls, optimizer: Optimizer, trial: BaseTrial, **options: Any) -> BisectionLR:
        """Take everything from the trial's plan.

        In the final trial the rate of ``optimizer`` is set: to the winner's, corrected for the
        full length, constant until an anneal over the second half; with ``decay="law"`` to the
        winner's own. In any other trial the rate stays as it is, and `step` judges nothing: that
        is the pruner's part. A ``FixedTrial`` without ``probe_steps=`` among the options trains
        at its own constant rate. There is no race unless ``leg_fraction`` asks for one.

        Args:
            optimizer: The optimizer, with the rate that the trial suggested.
            trial: The running trial.
            options: Options of the constructor; they take precedence over the plan.

        Returns:
            The scheduler.

        Raises:
            ValueError: If an option is outside its range.
        """
        plan = trial_plan(trial)
        if plan.is_final:
            scheduler = cls(optimizer, **plan_options(plan, optimizer, options))
            scheduler._trial = trial
            return scheduler
        rates = read_rates(optimizer)
        defaults = {"bracket": None, "start_lr": first_rate(optimizer), "probe_steps": None}
        scheduler = cls(optimizer, **(options | defaults | {"final_steps": None, "restore": None}))
        scheduler._is_active = False
        write_rates(optimizer, rates)
        scheduler._last_lr = rates
        return scheduler

    @property
    def history(self) -> list[Entry]:
        """Every move and what else happened: step, rate, signal, reason."""
        return self._journal.entries

    @property
    def snapshot(self) -> Snapshot | None:
        """The weights that may come back; save its ``state_dict`` too for an exact resume."""
        if self._restore is not None and self._snapshot is None:
            self._snapshot = Snapshot(self._restore)
        return self._snapshot

    @property
    def finished(self) -> bool:
        """Whether training may stop: a validation plateau, or ``final_steps`` reached."""
        return self._state.finished

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
            TypeError: Without a loss; trainers have to be told to give it (README.md).
        """
        loss = check_loss(train_loss)
        self.last_epoch += 1
        if not self._is_active:
            self._last_lr = read_rates(self.optimizer)
            return False
        if self._snapshot is None and self.snapshot is not None:
            # After loading, without the weights to go back to.
            self._state = end_race(self._schedule, self._state)
        self._meter.add(loss, val_loss)
        is_restored = self._is_interval_over() and self._decide()
        self._set_rate(self._rate())
        return is_restored

    def state_dict(self) -> dict[str, Any]:
        """Return numbers, strings, lists and dictionaries only, for ``weights_only=True``.

        The options come from the constructor. The weights that may come back are not part of it:
        where ``restore`` was given, save ``snapshot.state_dict()`` too and load it afterwards, and
        the resumed run equals an unbroken one. Without it a race that was not over is settled
        with its best rate, and the weights at the next call are the first good ones.
        """
        return {
            "last_epoch": self.last_epoch,
            "state": pack(self._state),
            "journal": self._journal.state_dict(),
            "meter": self._meter.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, and set the rate of that step.

        Args:
            state_dict: From a scheduler that was made with the same options.
        """
        self._state = unpack(state_dict["state"])
        self._meter.load_state_dict(state_dict["meter"])
        self._journal.load_state_dict(state_dict["journal"])
        self.last_epoch = state_dict["last_epoch"]
        self._snapshot = None
        if self._is_active:
            self._lr = math.nan
            self._set_rate(self._rate())

    def _n_steps(self) -> int:
        return self.last_epoch * self._steps_per_call

    def _is_interval_over(self) -> bool:
        step, begin, final = self._n_steps(), self._state.step, self._schedule.final_steps
        race = self._state.race
        is_racing = race is not None and not race.is_over
        interval = self._leg_interval if is_racing else self._interval_steps
        return step - begin >= interval or (final is not None and begin < final <= step)

    def _rate(self) -> float:
        return rate(self._schedule, self._state, self._n_steps())

    def _decide(self) -> bool:
        """Close the interval; return whether weights were put back."""
        losses, self._meter = share(self._meter.read(self._n_steps())), Meter()
        used = rate(self._schedule, self._state, losses.step - self._steps_per_call)
        self._state = advance(self._schedule, self._settings, self._state, losses)
        # Written anew after each decision, whoever else has changed it.
        self._lr = math.nan
        is_collapse = any(event.signal == "collapse" for event in self._state.events)
        snapshot = self._snapshot if self._state.n_collapses <= _MAX_RESTORES else None
        if snapshot is None:
            self._record(is_restored=False)
            if is_collapse and not losses.is_finite:
                raise divergence(losses.step, used, self._trial)
            return False
        is_restored = follow(snapshot, self.optimizer, self._state, self._settings)
        self._record(is_restored=is_restored)
        return is_restored

    def _record(self, *, is_restored: bool) -> None:
        for event in self._state.events:
            is_back = is_restored and event.signal in ("stall", "collapse")
            note = " The last good weights are back." if is_back else ""
            entry = Entry(self._n_steps(), self._rate(), event.signal, event.reason + note)
            self.history.append(entry)
        self._journal.note_rate(self._n_steps(), self._rate())
        if self._state.events and self._trial is not None:
            self._journal.publish(self._trial)

    def _set_rate(self, lr: float) -> None:
        groups = self.optimizer.param_groups
        if len(self._ratios) != len(groups):
            self._ratios = find_ratios(self.optimizer)
        elif lr == self._lr:
            return
        self._lr = lr
        write_rates(self.optimizer, [lr * ratio for ratio in self._ratios])
        self._last_lr = read_rates(self.optimizer)
