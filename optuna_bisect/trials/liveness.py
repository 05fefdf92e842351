"""Which worker runs a trial, and when the trial last gave a sign of life."""

from __future__ import annotations

import datetime
import functools
import os
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING

import optuna

from optuna_bisect.trials import attributes, internals

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

# Before version 5 Optuna's databases hold a start by the worker's clock, without its zone: those
# of two workers may differ by this much, and only what the sampler noted tells more.
_ZONES = datetime.timedelta(hours=26 if int(optuna.__version__.split(".")[0]) < 5 else 0)
# The sign of life is renewed when it is older than this share of ``stale_after``.
_ALIVE_SHARE = 0.25


def worker_id() -> str:
    """Name this thread of this process; the random part tells containers of one name apart."""
    return f"{_process_id()}:{threading.get_ident()}"


@functools.lru_cache(maxsize=1)
def _name_process(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{uuid.uuid4().hex[:8]}"


def _process_id() -> str:
    return _name_process(os.getpid())


def is_same_process(worker: str | None) -> bool:
    """Tell whether a worker is a thread of this process."""
    return worker is not None and worker.rpartition(":")[0] == _process_id()


def live_threads() -> frozenset[int | None]:
    """Return the threads of this process, to be asked for before trials are read.

    A thread stores the end of its trial before it ends itself. So a trial whose thread was gone
    and that is RUNNING in a later reading is abandoned.
    """
    return frozenset(thread.ident for thread in threading.enumerate())


def is_abandoned(worker: str | None, threads: frozenset[int | None]) -> bool:
    """Tell whether a running trial's thread is this one, or gone: no thread works on the trial."""
    if worker is None or not is_same_process(worker):
        return False
    thread = int(worker.rpartition(":")[2])
    return thread == threading.get_ident() or thread not in threads


def utc_now() -> datetime.datetime:
    """Return the current time, with its zone."""
    return datetime.datetime.now(datetime.timezone.utc)


def last_sign_of_life(trial: FrozenTrial) -> datetime.datetime | None:
    """Return when a running trial last was alive: its start, or ``alive`` if that is later."""
    start = trial.datetime_start
    begun = None if start is None else start.astimezone(datetime.timezone.utc)
    noted = attributes.read(trial).alive
    if noted is None:
        return begun if begun is None else begun + _ZONES
    alive = datetime.datetime.fromisoformat(noted)
    return alive if begun is None or _ZONES else max(begun, alive)


def age_of(trial: FrozenTrial) -> float:
    """Return the seconds since a trial was started, by this machine's clock; 0 if unknown.

    It is 0 too where the worker's clock is ahead, or MySQL rounded the start up to a second.
    """
    start = trial.datetime_start
    if start is None:
        return 0.0
    return max(0.0, (utc_now() - start.astimezone(datetime.timezone.utc)).total_seconds())


def note_alive(study: Study, trial: FrozenTrial, stale_after: float | None) -> None:
    """Renew the sign of life ``alive``, at most four times in ``stale_after`` seconds."""
    if stale_after is None:
        return
    now, last = utc_now(), last_sign_of_life(trial)
    if last is None or (now - last).total_seconds() > stale_after * _ALIVE_SHARE:
        attributes.write(study, trial, alive=now.isoformat())


def is_dead(
    trial: FrozenTrial, stale_after: float | None, threads: frozenset[int | None] | None
) -> bool:
    """Tell whether a running trial has no worker any more, as far as can be known.

    ``stale_after`` is in seconds, None: a silent trial never counts as dead. ``threads`` are those
    of this process before the trial was read; None where another thread may carry the trial on.
    """
    if threads is not None and is_abandoned(attributes.read(trial).worker, threads):
        return True
    if not is_doubtful(trial, stale_after):
        return False
    if threads is not None and attributes.read(trial).role == "final":
        return _seen_silent(trial) > (stale_after or 0)
    alive = last_sign_of_life(trial)
    return alive is not None and alive < utc_now()


def is_doubtful(trial: FrozenTrial, stale_after: float | None) -> bool:
    """Tell whether a trial's last sign of life is too old, or dated by a clock that is ahead."""
    alive = last_sign_of_life(trial)
    if stale_after is None or alive is None:
        return False
    return abs((utc_now() - alive).total_seconds()) > stale_after


# What a trial last showed to this process, and since when: a process that restarts looks again.
_shown: dict[int, tuple[object, float]] = {}


def _seen_silent(trial: FrozenTrial) -> float:
    """Return for how many seconds this process has seen no change in a trial.

    Clocks of two machines may differ by more than ``stale_after``. Two final trials are too dear
    for that, so another clock alone does not end one.
    """
    attrs = attributes.read(trial)
    shows = (attrs.worker, attrs.alive, trial.datetime_start, len(trial.intermediate_values))
    shown, since = _shown.get(internals.trial_id(trial), (None, 0.0))
    if shown != shows:
        _shown[internals.trial_id(trial)] = (shows, time.monotonic())
        return 0.0
    return time.monotonic() - since
