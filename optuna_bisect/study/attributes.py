"""Every ``bisect_*`` attribute, and the only code that reaches past Optuna's public interface.

Optuna's sampler hooks get a FrozenTrial whose ``set_user_attr`` does not reach the storage, and
what goes to the storage alone is never seen by the live trial. So each write goes to both: the
FrozenTrial shares its attribute dict with the live trial. ``prune()`` finds them there.
"""

from __future__ import annotations

import datetime
import functools
import math
import os
import socket
import threading
import uuid
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from optuna import TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from optuna_bisect.bracket import Bracket
from optuna_bisect.study.parameter import find_rate_name, is_known_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.study import Study
    from optuna.trial import BaseTrial, FixedTrial

    from optuna_bisect.verdicts.classifier import Verdict

Role = Literal["probe", "final", "surplus"]

PREFIX = "bisect_"
# What holds for the study and not for one trial alone.
_SHARED = ("report_direction", "param")
_SETTINGS = ("param", "probe_steps", "final_steps", "max_probes", "report_direction")
# Spelt out once: they are looked up for every trial.
_SETTING_KEYS = tuple((name, PREFIX + name) for name in _SETTINGS)
_NUMBER_KEY = PREFIX + "number"
_ROLE_KEY = PREFIX + "role"


class Attrs(NamedTuple):
    """The ``bisect_*`` attributes of one trial; None where one is missing or was copied."""

    role: Role | None = None
    verdict: str | None = None
    reason: str | None = None
    confidence: float | None = None
    low: float | None = None
    high: float | None = None
    start_lr: float | None = None
    probe_steps: int | None = None
    final_steps: int | None = None
    seed: int | None = None
    number: int | None = None
    max_probes: int | None = None
    question: str | None = None
    param: str | None = None
    lr: float | None = None
    winner: int | None = None
    worker: str | None = None
    report_direction: str | None = None
    stale_after: float | None = None
    alive: str | None = None
    claim: float | None = None
    judge: int | None = None
    adjustment: dict[str, Any] | None = None

    @property
    def bracket(self) -> Bracket | None:
        """The bracket, where both of its ends are positive rates in order."""
        if self.low is None or self.high is None or not 0 < self.low < self.high < math.inf:
            return None
        return Bracket(self.low, self.high)


_KEYS = tuple(PREFIX + name for name in Attrs._fields)
_KEY_OF = dict(zip(Attrs._fields, _KEYS, strict=True))


def read(trial: BaseTrial | FrozenTrial) -> Attrs:
    """Read the attributes of a trial.

    Args:
        trial: Any trial.

    Returns:
        Its attributes; empty where they were written for another trial: Optuna's retry clones a
        dead trial with everything that was on it, the verdict included.
    """
    raw = trial.user_attrs
    if raw.get(_NUMBER_KEY) != trial.number:
        return Attrs(**{name: raw.get(PREFIX + name) for name in _SHARED})
    return Attrs(*map(raw.get, _KEYS))


def write(study: Study, trial: FrozenTrial, **attrs: Any) -> None:
    """Write attributes where both the storage and the live trial see them.

    Args:
        study: The study of the trial.
        trial: The running trial, as a sampler hook or a pruner gets it.
        attrs: Values by name, without the prefix. None is not written.
    """
    storage, trial_id, known = study._storage, trial._trial_id, trial.user_attrs
    for name, value in attrs.items():
        key = _KEY_OF[name]
        if value is not None and known.get(key) != value:
            try:  # noqa: SIM105  # a hot path: contextlib.suppress costs as much as a write
                storage.set_trial_user_attr(trial_id, key, value)
            except (UpdateFinishedTrialError, TrialPruned):
                # A trial that another worker has ended by mistake takes no more attributes.
                pass
            known[key] = value


def clear_copied(study: Study, trial: FrozenTrial) -> None:
    """Empty the attributes that a clone carries of the trial that died.

    The number comes last, so that the rest stays another trial's until all of it is empty.
    """
    if not is_copied(trial):
        return
    for name in Attrs._fields:
        key = PREFIX + name
        if name not in _SHARED and name != "number" and trial.user_attrs.get(key) is not None:
            study._storage.set_trial_user_attr(trial._trial_id, key, None)
            trial.set_user_attr(key, None)


def is_copied(trial: FrozenTrial) -> bool:
    """Tell whether a trial carries the attributes of a dead one that it is the clone of."""
    return trial.user_attrs.get(_NUMBER_KEY) not in (None, trial.number)


def is_copied_final(trial: FrozenTrial, rate: float) -> bool:
    """Tell whether a trial is the clone of a dead final trial, with that trial's rate."""
    attrs = trial.user_attrs
    return attrs.get(PREFIX + "role") == "final" and attrs.get(PREFIX + "lr") == rate


def write_verdict(study: Study, trial: FrozenTrial, verdict: Verdict) -> None:
    """Record a verdict, before the trial is finished and read-only."""
    # A trial of another sampler has no number yet, and would be taken for a clone.
    write(study, trial, number=trial.number, **verdict_attrs(verdict))


def verdict_attrs(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as attributes without the prefix."""
    return {
        "verdict": verdict.name,
        "reason": verdict.reason,
        "confidence": float(verdict.confidence),
    }


def all_trials(study: Study) -> list[FrozenTrial]:
    """Return every trial of the study, also where Hyperband hands out a filtered one."""
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


def settings_of(trial: FrozenTrial, found: dict[str, tuple[int, Any]]) -> bool:
    """Note the settings that a trial carries, where no later trial is noted already.

    Args:
        trial: Any trial.
        found: Values by name, each with the number of the trial that has it; changed in place.

    Returns:
        Whether the trial has a role, and with it every setting that there was.
    """
    raw, number = trial.user_attrs, trial.number
    for name, key in _SETTING_KEYS:
        value = raw.get(key)
        if value is not None and (name not in found or found[name][0] < number):
            found[name] = (number, value)
    return _ROLE_KEY in raw


def claims_among(trials: Sequence[FrozenTrial], own: int) -> dict[int, float]:
    """Return the rates that trials have claimed, without one's own."""
    claims = {t.number: t.user_attrs.get(PREFIX + "claim") for t in trials if t.number != own}
    return {number: claim for number, claim in claims.items() if claim is not None}


def storage_of(study: Study) -> object:
    """Return the storage, as a key of what is remembered about its studies."""
    return study._storage


def study_id(study: Study) -> int:
    """Return the number of the study within its storage."""
    return study._study_id


def fixed_params(trial: FrozenTrial) -> Mapping[str, Any]:
    """Return the parameters that a user chose by ``enqueue_trial``."""
    found: Mapping[str, Any] = trial.system_attrs.get("fixed_params", {})
    return found


def whole_study(study: Study) -> Study:
    """Return the study itself where Hyperband hands out a part of it, with a loop of its own."""
    found: Study = getattr(study, "_study", study)
    return found


def in_optimize(study: Study) -> bool:
    """Tell whether this thread runs ``study.optimize``, where a sampler may raise and wait."""
    return bool(whole_study(study)._thread_local.in_optimize_loop)


def fail(study: Study, trial: FrozenTrial) -> None:
    """Close a trial that cannot run, so that raising from a hook leaves nothing RUNNING."""
    study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


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
    """Return the threads of this process.

    Ask before trials are read: a thread stores the end of its trial before it ends itself, so that
    a trial that is still RUNNING in a later reading and whose thread was gone before is abandoned.
    """
    return frozenset(thread.ident for thread in threading.enumerate())


def is_abandoned(worker: str | None, threads: frozenset[int | None]) -> bool:
    """Tell whether a running trial's thread is this one, or gone: nobody works on it any more."""
    if worker is None or not is_same_process(worker):
        return False
    thread = int(worker.rpartition(":")[2])
    return thread == threading.get_ident() or thread not in threads


def utc_now() -> datetime.datetime:
    """Return the current time, with its zone."""
    return datetime.datetime.now(datetime.timezone.utc)


def last_sign_of_life(trial: FrozenTrial) -> datetime.datetime | None:
    """Return when a running trial was last known to live: its start, or its last report's note."""
    start = trial.datetime_start
    begun = None if start is None else start.astimezone(datetime.timezone.utc)
    noted = trial.user_attrs.get(PREFIX + "alive")
    if trial.user_attrs.get(PREFIX + "number") != trial.number or not isinstance(noted, str):
        return begun
    alive = datetime.datetime.fromisoformat(noted)
    return alive if begun is None else max(begun, alive)


def age_of(trial: FrozenTrial) -> float:
    """Return the seconds since a trial was started, by this machine's clock; 0 if unknown."""
    start = trial.datetime_start
    if start is None:
        return 0.0
    return (utc_now() - start.astimezone(datetime.timezone.utc)).total_seconds()


def is_judged(trial: FrozenTrial) -> bool:
    """Tell whether a running probe has its verdict: its end is only not stored yet, or never."""
    if trial.state != TrialState.RUNNING or trial.user_attrs.get(PREFIX + "verdict") is None:
        return False
    return read(trial).role == "probe" and read(trial).verdict is not None


def fixed_rate(trial: FixedTrial) -> float | None:
    """Return the rate that a FixedTrial was made with, asked for already or not."""
    name = find_rate_name([trial.distributions])
    name = name or next((n for n in trial._params if is_known_name(n)), None)
    rate = trial._params.get(name or "")
    return float(rate) if isinstance(rate, Real) else None


def write_live(trial: BaseTrial, **attrs: Any) -> None:
    """Write attributes from inside the objective, whose live trial reaches the storage itself."""
    for name, value in attrs.items():
        trial.set_user_attr(_KEY_OF[name], value)
