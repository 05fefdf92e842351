"""A live trial that the heartbeat of a database failed by mistake ends quietly.

A worker that stands still for longer than the grace period (a suspended machine, a debugger, a
long pause of the database) finds its trial FAILED by another one. Optuna then raises
UpdateFinishedTrialError from ``report`` and ``ValueError: Cannot tell a FAIL trial`` after the
objective, and the whole worker dies of it. No hook of a sampler or pruner lies on that way, so the
storage object itself is told, and only where it has a heartbeat.
"""

from __future__ import annotations

import copy
import functools
import threading
from typing import TYPE_CHECKING, Any, TypeGuard

from optuna import TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import TrialState

from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study
    from optuna.trial import FrozenTrial

_WRITES = (
    "set_trial_param",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
)
_GUARD = "_heartbeat_guard"


class TrialLost(TrialPruned):
    """Another worker took this trial for dead and failed it: the objective ends here."""


class HeartbeatGuard:
    """Watches the trials of this process's threads, between a storage and its callers."""

    def __init__(self, storage: BaseHeartbeat) -> None:
        self._threads: dict[int, int] = {}
        self._inner = storage
        for name in _WRITES:
            setattr(storage, name, functools.partial(self.write, name))
        setattr(storage, "get_trial", self.get_trial)  # noqa: B010 (mypy: no method may change)
        setattr(storage, "set_trial_state_values", self.finish)  # noqa: B010
        setattr(storage, _GUARD, self)

    def add(self, trial_id: int) -> None:
        """Watch a trial that this thread has begun."""
        self._threads[trial_id] = threading.get_ident()

    def owns(self, trial_id: int) -> bool:
        """Tell whether this thread runs a trial."""
        return self._threads.get(trial_id) == threading.get_ident()

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call the storage's own method: by its class, so that copies do not call the guard."""
        return getattr(type(self._inner), name)(self._inner, *args, **kwargs)

    def write(self, name: str, trial_id: int, *args: Any, **kwargs: Any) -> None:
        """Write to a running trial by the storage's own method of this name."""
        try:
            self.call(name, trial_id, *args, **kwargs)
        except UpdateFinishedTrialError as error:
            if not self.owns(trial_id):
                raise
            reason = "lost: the heartbeat failed this trial while its worker stood still"
            raise TrialLost(reason) from error

    def is_lost(self, trial_id: int) -> bool:
        """Tell whether another worker ended a trial that this thread runs."""
        return self.owns(trial_id) and self.call("get_trial", trial_id).state.is_finished()

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial; to this thread its own trials run until the thread has ended them."""
        trial: FrozenTrial = self.call("get_trial", trial_id)
        if self.owns(trial_id) and trial.state == TrialState.FAIL:
            trial = copy.deepcopy(trial)
            trial.state, trial.datetime_complete = TrialState.RUNNING, None
        return trial

    def finish(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Store the end of a trial, unless another worker has done that."""
        is_own = self.owns(trial_id)
        try:
            return bool(self.call("set_trial_state_values", trial_id, state, values))
        except UpdateFinishedTrialError:
            if not is_own:
                raise
            return False
        finally:
            if is_own:
                del self._threads[trial_id]


def has_heartbeat(storage: object) -> TypeGuard[BaseHeartbeat]:
    """Tell whether a storage fails the trials of workers that have fallen silent."""
    return isinstance(storage, BaseHeartbeat) and storage.get_heartbeat_interval() is not None


def beat(study: Study, trial: FrozenTrial) -> None:
    """Send a sign of life before the trial has a role.

    Optuna's own begins after ``ask``, and a running trial without any never counts as dead: a
    worker killed between its claim of the final trial and its first heartbeat would keep that
    claim for ever. Under ask-and-tell no other worker would go on with the trial.
    """
    storage = internals.storage_of(study)
    if has_heartbeat(storage) and internals.in_optimize(study):
        storage.record_heartbeat(trial._trial_id)


def guard(study: Study, trial: FrozenTrial) -> None:
    """Watch a trial, where the storage has a heartbeat that may fail it by mistake."""
    storage = internals.storage_of(study)
    if has_heartbeat(storage):
        found = getattr(storage, _GUARD, None) or HeartbeatGuard(storage)
        found.add(trial._trial_id)


def is_lost(study: Study, trial: FrozenTrial) -> bool:
    """Tell whether another worker has ended a trial of this thread by mistake."""
    found: HeartbeatGuard | None = getattr(internals.storage_of(study), _GUARD, None)
    return found is not None and found.is_lost(trial._trial_id)
