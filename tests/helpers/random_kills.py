"""Studies whose workers are killed at random moments, and what becomes of them."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
from many_workers import summarize

from optuna_bisect.study.reading import read_history

if TYPE_CHECKING:
    from forked_workers import Nursery
    from optuna.storages import BaseStorage

N_WORKERS = 3


class Outcome(NamedTuple):
    """A study after its workers were killed.

    Attributes:
        n_kills: Workers that were killed while they worked.
        lost: Trials that had a verdict when a worker was killed, and that do not count now.
        summary: How the study ended, as ``many_workers.summarize`` has it.
    """

    n_kills: int
    lost: set[int]
    summary: dict[str, Any]


def run_and_kill(
    nursery: Nursery,
    storage: BaseStorage,
    name: str,
    n_kills: int,
    pause: tuple[float, float] = (0.02, 0.4),
    *,
    n_workers: int = N_WORKERS,
    **settings: Any,
) -> Outcome:
    """Run a study with several workers, kill them one after the other, then let one finish.

    Args:
        nursery: Starts the workers.
        storage: The same storage, to look into.
        name: Name of the study.
        n_kills: Number of kills.
        pause: Shortest and longest pause between two kills in seconds.
        n_workers: Number of workers at one time.
        settings: Settings of the sampler.

    Returns:
        What became of it.
    """
    chance, verdicts = random.Random(name), {}
    workers = [nursery.start(name, **settings) for _ in range(n_workers)]
    for _ in range(n_kills):
        time.sleep(chance.uniform(*pause))
        victim = workers.pop(chance.randrange(len(workers)))
        verdicts.update(_verdicts(storage, name))
        nursery.kill(victim)
        workers.append(nursery.start(name, **settings))
    codes = [nursery.wait(worker) for worker in workers]
    codes.append(_finish(nursery, storage, name, settings))
    assert codes == [0] * len(codes)
    study = optuna.load_study(study_name=name, storage=storage)
    now, counted = _verdicts(storage, name), read_history(study).finished.probes
    lost = {n for n, verdict in verdicts.items() if now.get(n) != verdict}
    lost |= set(verdicts) - {p.number for p in counted}
    return Outcome(n_kills, lost, summarize(storage, name))


def _finish(nursery: Nursery, storage: BaseStorage, name: str, settings: dict[str, Any]) -> int:
    """Give the study one more worker, after every dead trial has gone stale."""
    time.sleep(settings.get("stale_after") or 2.1)
    return nursery.wait(nursery.start(name, **settings))


def _verdicts(storage: BaseStorage, name: str) -> dict[int, str]:
    """Return the verdicts of probes, by trial number; nothing before there is a study."""
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return {}
    attrs = {t.number: t.user_attrs for t in study.get_trials(deepcopy=False)}
    return {
        n: a["bisect_verdict"]
        for n, a in attrs.items()
        if a.get("bisect_verdict") and a.get("bisect_role") == "probe"
        if a.get("bisect_number") == n
    }
