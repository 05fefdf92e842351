"""A storage that dies at its n-th call, as the process that made the call would."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from many_workers import join_study
from optuna.storages import BaseStorage
from optuna.storages._heartbeat import BaseHeartbeat
from synthetic_trainer import make_objective, with_role

from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import liveness

if TYPE_CHECKING:
    import optuna


class Killed(BaseException):
    """No handler of Optuna or of an objective catches this: nothing more is written."""


class DyingStorage(BaseStorage):
    """One worker's way to a storage that others share.

    Args:
        shared: The storage behind it.
        n_calls: The call at which the worker dies, counted from 1, before anything is written.
        after: Whether it dies after that call has been carried out instead.
    """

    def __init__(self, shared: BaseStorage, n_calls: int, *, after: bool = False) -> None:
        self._shared, self._n_left, self._after = shared, n_calls, after
        self.is_dead = False

        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.is_dead:
            raise Killed
        self.calls.append((name, args))
        self._n_left -= 1
        self.is_dead = self._n_left == 0
        if self.is_dead and not self._after:
            raise Killed
        answer = getattr(self._shared, name)(*args, **kwargs)
        if self.is_dead:
            raise Killed
        return answer


def _delegate(name: str):
    def method(self: DyingStorage, *args: Any, **kwargs: Any) -> Any:
        return self._call(name, *args, **kwargs)

    return method


for _name in BaseStorage.__abstractmethods__:
    setattr(DyingStorage, _name, _delegate(_name))
DyingStorage.__abstractmethods__ = frozenset()


class DyingDatabase(DyingStorage, BaseHeartbeat):
    """The same for a storage with a heartbeat, whose thread dies with its worker."""

    def __init__(self, shared: BaseStorage, n_calls: int, *, after: bool = False) -> None:
        super().__init__(shared, n_calls, after=after)
        self._worker = threading.get_ident()

    def record_heartbeat(self, trial_id: int) -> None:
        """Count as a call of the worker only where it is one."""
        if threading.get_ident() == self._worker:
            self._call("record_heartbeat", trial_id)
        elif not self.is_dead:
            self._shared.record_heartbeat(trial_id)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        return self._call("_get_stale_trial_ids", study_id)

    def get_heartbeat_interval(self) -> int | None:
        """Cost no call."""
        return self._shared.get_heartbeat_interval()

    def get_heartbeat_stale_trial_callback(self) -> Any:
        """Cost no call."""
        return self._shared.get_heartbeat_stale_trial_callback()


DyingDatabase.__abstractmethods__ = frozenset()


def die_and_finish(
    dying: DyingStorage, name: str, monkeypatch, *, seconds: float, **settings: Any
) -> optuna.Study:
    """Run a study until its worker dies, and let another process finish it.

    Args:
        dying: The way to the storage of the worker that dies, or comes to the end of the study.
        name: Name of the study.
        monkeypatch: Makes the dead worker another process.
        seconds: How long the other one waits.
        settings: Settings of the sampler.

    Returns:
        The study, whose recorded verdicts have been checked to stand and to count.
    """
    shared, process = dying._shared, liveness._process_id()
    join_study(shared, name)
    with monkeypatch.context() as patch:
        patch.setattr(liveness, "_process_id", lambda: "a process that is dead")
        try:
            join_study(dying, name, **settings).optimize(make_objective(every=8))
        except (Killed, UnboundLocalError):  # Optuna's own clean-up falls over the death
            assert dying.is_dead
    assert liveness._process_id() == process
    if dying.is_dead:
        time.sleep(seconds)
    study = join_study(shared, name, **settings)
    verdicts = {t.number: t.user_attrs.get("bisect_verdict") for t in with_role(study, "probe")}
    study.optimize(make_objective(every=8))
    judged = {n: verdict for n, verdict in verdicts.items() if verdict}
    assert set(judged) <= {p.number for p in read_history(study).finished.probes}
    assert all(study.trials[n].user_attrs["bisect_verdict"] == v for n, v in judged.items())
    return study
