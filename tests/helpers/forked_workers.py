"""Workers that start in milliseconds, to be killed: a process that has imported all, and forks.

``python forked_workers.py URL`` takes lines on its standard input: ``start STUDY SETTINGS`` prints
the process id of a new worker, ``wait PID`` its exit code.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import configured_trainer
import optuna
from many_workers import join_study
from optuna.storages.journal import _storage as journal_storage
from synthetic_trainer import FINAL_STEPS, HIGH, LOW, Trainer
from worker_process import open_storage, start_python

from optuna_bisect import trial_plan
from optuna_bisect.trials import liveness
from optuna_bisect.workers.exit_guard import fail_unfinished

SECONDS_PER_REPORT = 0.01
REPORT_EVERY = 4


# What the end of a trial in Optuna's loop raises where the trial's state could not be stored, and
# what its lock of a journal file makes of a Ctrl-C in the moment of unlocking.
OWN_TO_OPTUNA = {"AssertionError", "UnboundLocalError", "FileNotFoundError"}


def exceptions_in(errors: str) -> Counter[str]:
    """Count the exceptions that workers ended by, by name."""
    return Counter(re.findall(r"^ended by (\w+)$", errors, re.MULTILINE))


class Nursery:
    """Starts workers of one storage.

    Args:
        url: The storage, as ``worker_process.open_storage`` takes it.
        options: Options of the database; ``retry`` turns the retry callback on.
        grace: Replaces the sampler's grace period for trials without a role.

    Attributes:
        errors: What the workers wrote on their standard error, once all have ended.
    """

    def __init__(self, url: str, grace: float | None = None, **options: Any) -> None:
        self._process = start_python([__file__, url, json.dumps([grace, options])])
        self.errors = ""
        # Tracebacks of a few workers fill a pipe, and who writes on would wait for ever.
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    def _read_errors(self) -> None:
        for line in self._process.stderr:
            self.errors += line

    def __enter__(self) -> Nursery:  # noqa: PYI034 (Self needs Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
        self._reader.join(60)
        self._process.stderr.close()

    def start(self, study: str, **settings: Any) -> int:
        """Start a worker; return its process id."""
        return self._ask(f"start {study} {json.dumps(settings)}")

    def wait(self, pid: int) -> int:
        """Wait for the end of a worker; return its exit code, negative for a signal."""
        return self._ask(f"wait {pid} -")

    def kill(self, pid: int) -> None:
        """Kill a worker that may have ended already."""
        # The nursery has not waited for it, so that no other process has taken its id.
        os.kill(pid, signal.SIGKILL)
        assert self.wait(pid) in (0, -signal.SIGKILL)

    def wait_until_stopped(self, pid: int) -> None:
        """Wait until a worker stands still, one with ``stops_in_final`` among its settings."""
        end = time.monotonic() + 60
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < end, "the worker did not stop"
            time.sleep(0.02)

    def _ask(self, line: str) -> int:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self.errors
        return int(answer)


def objective(trial: optuna.Trial, *, stops_in_final: bool = False) -> float:
    """Train at the speed of a network, so that a worker can be killed in between."""
    trainer, lr = Trainer(), trial.suggest_float("lr", LOW, HIGH, log=True)
    for step in range(0, FINAL_STEPS, REPORT_EVERY):
        if stops_in_final and step == FINAL_STEPS // 2 and trial_plan(trial).is_final:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(SECONDS_PER_REPORT)
        trial.report(trainer.loss(lr, step), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return trainer.loss(lr, FINAL_STEPS)


def _open(url: str, options: dict[str, Any]) -> optuna.storages.BaseStorage:
    if options.pop("retry", False):
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback()
        options["heartbeat_stale_trial_callback"] = retry
    return open_storage(url, **options)


def shift_clock(hours: float) -> None:
    """Set the clock by which this process dates trials and takes others for dead."""
    shift, now = datetime.timedelta(hours=hours), liveness.utc_now

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return super().now(tz) + shift

    liveness.utc_now = lambda: now() + shift
    journal_storage.datetime = Shifted


def _work(url: str, options: dict[str, Any], study: str, settings: dict[str, Any]) -> None:
    run = functools.partial(objective, stops_in_final=settings.pop("stops_in_final", False))
    if "n_configurations" in settings:
        run = functools.partial(
            configured_trainer.objective,
            every=REPORT_EVERY,
            pause=SECONDS_PER_REPORT,
            length=FINAL_STEPS,
        )
    shift_clock(settings.pop("hours_ahead", 0))
    try:
        storage = _open(url, options)
    except Exception:  # noqa: BLE001 (that is between Optuna and the server)
        traceback.print_exc()
        sys.stderr.write("ended before the storage was open\n")
        os._exit(1)
    try:
        join_study(storage, study, **settings).optimize(run)
    except BaseException as error:  # noqa: BLE001 (nothing may reach the parent's code)
        traceback.print_exc()
        sys.stderr.write(f"ended by {type(error).__name__}\n")
        sys.last_value = error
    else:
        os._exit(0)
    # As at the end of Python, which a fork must not run for its parent.
    fail_unfinished()
    os._exit(1)


def main(url: str, grace: float | None, options: dict[str, Any]) -> None:
    """Serve until the standard input ends."""
    if "sql" in url:
        # Imported once here instead of a second in each worker.
        for module in ("alembic.command", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"):
            importlib.import_module(module)
        importlib.import_module("optuna.storages._rdb.storage")
    if grace is not None:
        from optuna_bisect.workers import role_claim

        role_claim.ROLE_GRACE_SECONDS = grace
    for line in sys.stdin:
        command, name, settings = line.split(" ", 2)
        if command == "start":
            pid = os.fork()
            if pid == 0:
                _work(url, options, name, json.loads(settings))
            print(pid, flush=True)  # noqa: T201
        else:
            _, status = os.waitpid(int(name), 0)
            print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    main(sys.argv[1], *json.loads(sys.argv[2]))
