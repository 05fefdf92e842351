"""The adjustment of one run: losses in, a rate out, weights kept or put back, and a log of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optuna_bisect._checks import check_bool, check_positive, check_share, optional, wrong
from optuna_bisect.feedback.engine import advance, begin_race, end_race, rate
from optuna_bisect.feedback.settings import Settings
from optuna_bisect.feedback.state import State, pack, unpack
from optuna_bisect.fitting import records
from optuna_bisect.fitting.loss_log import LossLog
from optuna_bisect.training.distributed import is_group, meet, share
from optuna_bisect.training.divergence import divergence
from optuna_bisect.training.loss_meter import LossMeter, detach
from optuna_bisect.training.move_log import MoveLog
from optuna_bisect.training.options import default_interval, leg_levels
from optuna_bisect.training.snapshot import Snapshot, follow

if TYPE_CHECKING:
    import torch
    from optuna.trial import BaseTrial
    from torch.optim import Optimizer

    from optuna_bisect.feedback.schedule import Schedule
    from optuna_bisect.feedback.settings import FeedbackOptions
    from optuna_bisect.training.snapshot import Restorable

# Elasticity that asks for a higher rate after a race, which knows it to a factor of three.
_RACE_THRESHOLD = 0.2
# A running trial's curves are written again when the run has become longer by this share.
_LONGER = 1.25
# Collapses in a row after which a loss that is not finite is given up.
_MAX_RESTORES = 20


class Adjustment:
    """Everything that ``BisectionLR`` does between two updates, except for setting the rates.

    Args:
        schedule: The rate without the losses.
        restore: A model and its optimizer, whose weights may come back; None: they cannot.
        interval_steps: Steps between decisions, None for the default.
        leg_fraction: Share of the run that a leg of the race takes, where there is one.
        options: How losses are read.
        sync: Whether all processes of a group train one model.
    """

    def __init__(
        self,
        schedule: Schedule,
        restore: tuple[Restorable, Restorable] | None,
        interval_steps: int | None,
        leg_fraction: float,
        options: FeedbackOptions,
        *,
        sync: bool = True,
    ) -> None:
        self.schedule = schedule
        self._restore: tuple[Restorable, ...] | None = restore
        self._is_shared = check_bool("sync", sync) and is_group()
        self._has_met = False
        final_steps = schedule.final_steps
        chosen = optional(check_positive, "interval_steps", interval_steps, whole=True)
        self._interval = chosen or default_interval(schedule.probe_steps, final_steps)
        # A race decides twice as often.
        self._leg_interval = max(1, self._interval // 2)
        self.settings = Settings(**options)
        leg_fraction = check_share("leg_fraction", leg_fraction)
        has_race = restore is not None and self.settings.feedback
        n_levels = leg_levels(leg_fraction, self._leg_interval, final_steps) if has_race else 0
        if n_levels and "threshold" not in options:
            self.settings = replace(self.settings, threshold=_RACE_THRESHOLD)
        self.state = begin_race(schedule, n_levels, self._leg_interval) if n_levels else State()
        self.meter, self.log, self.losses = LossMeter(), MoveLog(), LossLog()
        # A trial's moves are in the unit of its parameter: the first group may have a share of it.
        self.unit, self._published = 1.0, 0
        # Taken now: the weights before the first update are what an early collapse goes back to.
        self._snapshot = None if restore is None else Snapshot(restore)

    @property
    def snapshot(self) -> Snapshot | None:
        """The weights that may come back; after loading the present ones are the first."""
        if self._restore is not None and self._snapshot is None:
            self._snapshot = Snapshot(self._restore)
        return self._snapshot

    def keep_nothing(self) -> None:
        """Have an empty snapshot, as a probe does, whose weights never come back."""
        self._restore = ()

    def rate(self, step: int) -> float:
        """Return the rate for the next update after a number of steps."""
        return rate(self.schedule, self.state, step)

    def note(
        self, step: int, train_loss: float | torch.Tensor, val_loss: float | torch.Tensor | None
    ) -> None:
        """Keep the losses of one call for people, at the number of steps that are done with it."""
        self.losses.add(step, detach(train_loss), None if val_loss is None else detach(val_loss))

    def add(self, train_loss: float | torch.Tensor, val_loss: float | torch.Tensor | None) -> None:
        """Take in the losses of one call."""
        if self._snapshot is None and self.snapshot is not None:
            # After loading, without the weights to go back to.
            self.state = end_race(self.schedule, self.state)
        if self._snapshot is not None and not self.meter.n_calls:
            # A lazy module has got its weights by now.
            self._snapshot.follow_form()
        self.meter.add(train_loss, val_loss)

    def is_due(self, step: int) -> bool:
        """Tell whether an interval ends at a step."""
        begin, final = self.state.step, self.schedule.final_steps
        interval = self._leg_interval if self.state.is_racing else self._interval
        return step - begin >= interval or (final is not None and begin < final <= step)

    def decide(self, step: int, lr: float, optimizer: Optimizer, trial: BaseTrial | None) -> bool:
        """Close the interval that ends at a step; return whether weights were put back.

        The trial, where there is one, gets a copy of the log.

        Raises:
            Diverged: If a loss is not finite and nothing can be restored; it names the ``lr``.
        """
        losses, self.meter = self.meter.read(step), LossMeter()
        if self._is_shared:
            if not self._has_met:
                meet("BisectionLR.step")
            self._has_met, losses = True, share(losses, lr)
        self.state = advance(self.schedule, self.settings, self.state, losses)
        snapshot = self._snapshot if self.state.n_collapses <= _MAX_RESTORES else None
        is_restored = snapshot is not None and follow(
            snapshot, optimizer, self.state, self.settings
        )
        if self.state.signals & {"leg", "settled"}:
            self.losses.begin_anew()
        fit = records.fit_of(self.losses) if "finished" in self.state.signals else None
        self.log.record(step, self.rate(step), self.state.events, is_restored=is_restored, fit=fit)
        if trial is not None and (self.state.events or step >= _LONGER * self._published):
            self._published = step
            self.log.publish(trial, self.unit)
            records.write_losses(trial, self.losses)
        if snapshot is None and "collapse" in self.state.signals and not losses.is_finite:
            raise divergence(step, lr, trial)
        return is_restored

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the weights as plain numbers and strings in plain containers."""
        state, log, meter = pack(self.state), self.log.state_dict(), self.meter.state_dict()
        return {"state": state, "log": log, "meter": meter, "losses": self.losses.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken; the weights to go back to are lost."""
        parts = [state_dict.get(name) for name in ("state", "log", "meter")]
        if not all(isinstance(part, dict) for part in parts):
            raise wrong("state_dict", "come from state_dict()", state_dict)
        state, log, meter = (part or {} for part in parts)
        try:
            loaded = unpack(state), MoveLog.from_state_dict(log), LossMeter(**meter)
            # States that were saved by an earlier version have none.
            losses = LossLog.from_state_dict(state_dict.get("losses", {}))
        except (KeyError, TypeError) as error:
            raise wrong("state_dict", "come from state_dict()", state_dict) from error
        self.state, self.log, self.meter = loaded
        # In place: the end of a trial looks for the very log that it was given.
        vars(self.losses).update(vars(losses))
        self._snapshot = None
