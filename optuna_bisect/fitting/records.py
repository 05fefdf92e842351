"""Where a trial keeps its curves of Phase 2: attributes that no table of trials shows.

Several kilobytes in a user attribute are a cell several screens wide in optuna-dashboard and in
``optuna trials``. So they are system attributes, which both leave out. The moves of studies made
before are read from where they were.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from optuna_bisect.fitting.fit import Fit, judge_fit
from optuna_bisect.trials import attributes, internals
from optuna_bisect.trials.attribute_types import READERS, read_losses

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import BaseTrial, FrozenTrial

    from optuna_bisect.fitting.loss_log import LossLog

_LOSSES, _ADJUSTMENT = "bisect:losses", "bisect:adjustment"
_open: WeakKeyDictionary[object, dict[int, LossLog]] = WeakKeyDictionary()
_lock = threading.Lock()


class Losses(NamedTuple):
    """Both losses of a trial.

    Attributes:
        first: Training loss before the first update.
        best: Steps done and value of the lowest validation loss.
        points: Steps done, training loss, validation loss.
    """

    first: float
    best: tuple[int, float]
    points: tuple[tuple[int, float, float], ...]

    def judge(self) -> Fit | None:
        """Judge the fit, None where there are too few points."""
        if not self.points:
            return None
        steps, train, val = zip(*self.points)
        return judge_fit(steps, train, val, initial=self.first, best=self.best)


def hold(trial: BaseTrial, log: LossLog) -> None:
    """Keep a log until the sampler ends the trial: a pruned objective does not come back."""
    found = internals.live_trial(trial)
    if found is not None:
        with _lock:
            _open.setdefault(found.storage, {})[internals.trial_id(found)] = log


def flush(study: Study, trial: FrozenTrial) -> Losses | None:
    """Write what a trial that ends has seen of its losses, and return it."""
    log = _take(internals.storage_of(study), internals.trial_id(trial))
    if log is None:
        return losses_of(trial)  # of another process
    record = log.to_record()
    if record is not None:
        internals.write_system(study, trial, _LOSSES, _owned(trial, record))
    return _losses(record)


def write_held(trial: BaseTrial) -> None:
    """Write what a running trial has seen of its losses, where another process will end it."""
    found = internals.live_trial(trial)
    log = _take(found.storage, internals.trial_id(found)) if found is not None else None
    if log is not None:
        write_losses(trial, log)


def _take(storage: BaseStorage, trial_id: int) -> LossLog | None:
    with _lock:
        return _open.get(storage, {}).pop(trial_id, None)


def fit_of(log: LossLog) -> Fit | None:
    """Judge a run by what its log has seen, None where it was hardly validated."""
    losses = _losses(log.to_record())
    return None if losses is None else losses.judge()


def write_losses(trial: BaseTrial, log: LossLog) -> None:
    """Write both losses of a running trial."""
    record = log.to_record()
    if record is not None:
        internals.write_hidden(trial, _LOSSES, _owned(trial, record))


def write_adjustment(trial: BaseTrial, adjustment: dict[str, Any]) -> None:
    """Write the moves of a running trial."""
    internals.write_hidden(trial, _ADJUSTMENT, _owned(trial, adjustment))


def losses_of(trial: FrozenTrial) -> Losses | None:
    """Return both losses of a trial, None where it keeps none of its own."""
    return _losses(_own(trial, _LOSSES))


def adjustment_of(trial: FrozenTrial) -> dict[str, Any] | None:
    """Return the moves of a trial, None where it made none."""
    known: dict[str, Any] | None = READERS["adjustment"](_own(trial, _ADJUSTMENT))
    return known if known is not None else attributes.read(trial).adjustment


def _losses(record: Any) -> Losses | None:
    known = read_losses(record)
    return None if known is None else Losses(known[0], known[1], tuple(known[2]))


def _owned(trial: BaseTrial | FrozenTrial, record: dict[str, Any]) -> dict[str, Any]:
    return {"number": trial.number} | record


def _own(trial: FrozenTrial, key: str) -> Any:
    """Return a record that was written for this trial, and not for one that it is the clone of."""
    raw = trial.system_attrs.get(key)
    if not isinstance(raw, dict) or attributes.read(trial).role is None:
        return None
    return raw if raw.get("number") == attributes.noted_number(trial) else None
