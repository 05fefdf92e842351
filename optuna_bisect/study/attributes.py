"""Every ``bisect_*`` attribute of a trial: the only file that knows their keys.

Optuna's retry clones a dead trial with everything that was on it, so each trial also carries the
number that its attributes were written for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from optuna_bisect.bracket import Bracket
from optuna_bisect.study.internals import write_attribute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study
    from optuna.trial import BaseTrial

    from optuna_bisect.verdicts.verdict import Verdict

Role = Literal["probe", "final", "surplus"]

_PREFIX = "bisect_"
# What holds for the study and not for one trial alone.
_SHARED = ("report_direction", "param")
# What a trial with a role carries of the sampler's settings.
_SETTINGS = (
    "probe_steps",
    "final_steps",
    "max_probes",
    "report_direction",
    "n_configurations",
    "group_by",
)


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
    cool_down: float | None = None
    exponent: float | None = None
    search: int | None = None
    held: dict[str, Any] | None = None
    n_configurations: int | None = None
    group_by: list[str] | None = None

    @property
    def bracket(self) -> Bracket | None:
        """The bracket, where both of its ends are positive rates in order."""
        if self.low is None or self.high is None or not 0 < self.low < self.high < math.inf:
            return None
        return Bracket(self.low, self.high)


_KEY_OF = {name: _PREFIX + name for name in Attrs._fields}


def read(trial: BaseTrial | FrozenTrial) -> Attrs:
    """Read a trial's attributes; of those copied from another trial, only what a study shares.

    Optuna's retry clones a dead trial with everything that was on it, the verdict included.
    """
    raw = trial.user_attrs
    if raw.get(_KEY_OF["number"]) != trial.number:
        return Attrs(**{name: raw.get(_KEY_OF[name]) for name in _SHARED})
    return Attrs(*map(raw.get, _KEY_OF.values()))


def write(study: Study, trial: FrozenTrial, **attrs: Any) -> None:
    """Write fields of ``Attrs`` where storage and live trial see them; None is not written."""
    for name, value in attrs.items():
        key = _KEY_OF[name]
        if value is not None and trial.user_attrs.get(key) != value:
            write_attribute(study, trial, key, value)


def clear_copied(study: Study, trial: FrozenTrial) -> None:
    """Empty the attributes that a clone carries of the trial that died.

    The number comes last, so that the rest stays another trial's until all of it is empty.
    """
    if not is_copied(trial):
        return
    for name, key in _KEY_OF.items():
        if name not in _SHARED and name != "number" and trial.user_attrs.get(key) is not None:
            write_attribute(study, trial, key, None)


def is_copied(trial: FrozenTrial) -> bool:
    """Tell whether a trial carries the attributes of a dead one that it is the clone of."""
    return trial.user_attrs.get(_KEY_OF["number"]) not in (None, trial.number)


def is_copied_final(trial: FrozenTrial, rate: float) -> bool:
    """Tell whether a trial is the clone of a dead final trial, with that trial's rate."""
    attrs = trial.user_attrs
    return attrs.get(_KEY_OF["role"]) == "final" and attrs.get(_KEY_OF["lr"]) == rate


def write_verdict(study: Study, trial: FrozenTrial, verdict: Verdict) -> None:
    """Record a verdict, before the trial is finished and read-only."""
    # A trial of another sampler has no number yet, and would be taken for a clone.
    write(study, trial, number=trial.number, **verdict_attrs(verdict))


def verdict_attrs(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as attributes by name, without the prefix."""
    return {
        "verdict": verdict.name,
        "reason": verdict.reason,
        "confidence": float(verdict.confidence),
    }


def recorded_settings(trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    """Return the settings that the latest trials were run with, by name.

    The search goes back to the latest trial with a role: that one carries every setting that there
    was, and what it lacks was not set any more.
    """
    found: dict[str, Any] = {}
    for trial in reversed(trials):
        for name in _SETTINGS:
            value = trial.user_attrs.get(_KEY_OF[name])
            if value is not None:
                found.setdefault(name, value)
        if _KEY_OF["role"] in trial.user_attrs:
            break
    return found


def latest(trials: Sequence[FrozenTrial], name: str) -> Any:
    """Return an attribute as the latest trial that carries one has it, None where none does."""
    values = (trial.user_attrs.get(_KEY_OF[name]) for trial in reversed(trials))
    return next((value for value in values if value is not None), None)


def is_judged(trial: FrozenTrial) -> bool:
    """Tell whether a running probe has its verdict already, and only its end is not stored."""
    if trial.state != TrialState.RUNNING or trial.user_attrs.get(_KEY_OF["verdict"]) is None:
        return False
    return read(trial).role == "probe" and read(trial).verdict is not None


def write_live(trial: BaseTrial, **attrs: Any) -> None:
    """Write attributes from inside the objective, whose live trial reaches the storage itself."""
    for name, value in attrs.items():
        trial.set_user_attr(_KEY_OF[name], value)
