"""A worker process: ``python worker_process.py URL NAME [slow|hang|hang-final] [n_trials]``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, GrpcStorageProxy, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend
from synthetic_trainer import STEPS, Trainer, make_objective

import optuna_bisect as ob

HERE = Path(__file__).parent
# As pytest has it: Optuna's storage leaves its SQLite connections to the garbage collector.
STRICT = ("-W", "error", "-W", "ignore:unclosed database:ResourceWarning")


def start_worker(url: str, mode: str = "", n_trials: int = 0) -> subprocess.Popen[str]:
    """Start a worker process on the study ``s``."""
    return start_python([str(HERE / "worker_process.py"), url, "s", mode, str(n_trials)])


def start_python(arguments: list[str]) -> subprocess.Popen[str]:
    """Start a Python that finds the tests and the package, with warnings as errors."""
    return subprocess.Popen(
        [sys.executable, *STRICT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
    )


def finish(worker: subprocess.Popen[str], seconds: float = 120) -> str:
    """Wait for the end of a worker that must succeed; return what it printed."""
    printed, errors = worker.communicate(timeout=seconds)
    assert worker.returncode == 0, errors
    return printed


def wait_until_hanging(worker: subprocess.Popen[str]) -> None:
    """Wait until a worker has reported once in the trial that it hangs in."""
    assert worker.stdout is not None
    line = worker.stdout.readline()
    assert line == "hanging\n", worker.communicate(timeout=60)


def kill_when_hanging(worker: subprocess.Popen[str], sign: int = signal.SIGKILL) -> None:
    """End a worker in the middle of a trial."""
    wait_until_hanging(worker)
    worker.send_signal(sign)
    worker.communicate(timeout=60)


def open_storage(url: str, **options: object) -> BaseStorage:
    """Open ``journal:PATH``, ``redis:URL``, ``grpc:HOST:PORT`` or a database URL."""
    kind, _, rest = url.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if kind == "journal":
            return JournalStorage(JournalFileBackend(rest))
        if kind == "redis":
            return JournalStorage(JournalRedisBackend(rest))
        if kind == "grpc":
            host, port = rest.split(":")
            return GrpcStorageProxy(host=host, port=int(port))
        return RDBStorage(url, **options)


def load_study(url: str, name: str, **settings: object) -> optuna.Study:
    """Load or create the study that all workers share."""
    return optuna.create_study(
        study_name=name,
        storage=open_storage(url),
        load_if_exists=True,
        sampler=ob.BisectionSampler(**{**STEPS, **settings}),
        pruner=ob.VerdictPruner(),
    )


def objective(trial: optuna.Trial, mode: str) -> float:
    """Train; hang in the first probe or the first final trial where the mode says so."""
    is_final = ob.trial_plan(trial).is_final

    def also(trial: optuna.Trial) -> None:
        if mode == "slow":
            time.sleep(0.3 if is_final else 0.05)

    if mode == "hang" or (mode == "hang-final" and is_final):
        lr = trial.suggest_float("lr", 1e-6, 1.0, log=True)
        trial.report(Trainer().loss(lr, 0), 0)
        sys.stdout.write("hanging\n")
        sys.stdout.flush()
        time.sleep(600)
    return make_objective(also=also, every=4)(trial)


if __name__ == "__main__":
    url, name, mode, n_trials = [*sys.argv[1:], "", "0"][:4]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = load_study(url, name)
    study.optimize(lambda trial: objective(trial, mode), n_trials=int(n_trials) or None)
