"""Every ``bisect_*`` attribute of a trial: the only file that reads and writes them.

Optuna's retry clones a dead trial with everything that was on it, so each trial also carries the
number that its attributes were written for. Whoever shares the storage can write anything under
these keys: what this package cannot have written counts as missing, and is named once. Words that
only a newer version knows are kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from optuna_bisect._checks import shown
from optuna_bisect.bracket import Bracket
from optuna_bisect.trials import ignored
from optuna_bisect.trials.attribute_keys import key_of, names_on
from optuna_bisect.trials.attribute_types import READERS
from optuna_bisect.trials.internals import write_attribute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.study import Study
    from optuna.trial import BaseTrial

    from optuna_bisect.verdicts.verdict import Verdict

Role = Literal["probe", "final", "surplus"]

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
    "n_rungs",
)


_SIDES = {"overshoot": 1, "balanced": 0, "undershoot": -1}


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
    first_step: int | None = None
    asked: bool | None = None
    search: int | None = None
    held: dict[str, Any] | None = None
    n_configurations: int | None = None
    group_by: list[str] | None = None
    rung: int | None = None
    n_rungs: int | None = None
    side: int | None = None
    became: str | None = None

    @property
    def bracket(self) -> Bracket | None:
        """The bracket, where both of its ends are positive rates in order."""
        if self.low is None or self.high is None or not 0 < self.low < self.high < math.inf:
            return None
        return Bracket(self.low, self.high)


def _get(attrs: Mapping[str, Any], name: str, number: int) -> Any:
    """Return an attribute of trial ``number``, None where it is missing or not ours."""
    key = key_of(attrs, name)
    value = attrs.get(key)
    if value is None:
        return None
    known = READERS[name](value)
    if known is None:
        ignored.note(
            key,
            f"Trial {number} has {key} = {shown(value)}, which is ignored: optuna_bisect writes "
            "no such value.",
        )
    return known


def read(trial: BaseTrial | FrozenTrial) -> Attrs:
    """Read a trial's attributes; of those copied from another trial, only what a study shares.

    Optuna's retry clones a dead trial with everything that was on it, the verdict included. A
    finished trial that was copied into another study keeps its own, but not the numbers of others.
    """
    raw = getattr(trial, "user_attrs", None)
    if not isinstance(raw, dict):
        raise TypeError(f"trial must be an Optuna trial but got {shown(trial)}.")
    number = trial.number
    noted = _get(raw, "number", number)
    if noted != number and not _is_moved(trial, noted):
        return Attrs(**{name: _get(raw, name, number) for name in _SHARED})
    own = Attrs(**{name: _get(raw, name, number) for name in names_on(raw)})
    return own if noted == number else own._replace(number=number, judge=None)


def _is_moved(trial: BaseTrial | FrozenTrial, noted: int | None) -> bool:
    """Tell whether a finished trial has another number than in the study that it was copied from.

    The sampler wrote a seed on it. A clone names the trials that it repeats, and ends with their
    attributes where another sampler went on with it.
    """
    has_seed = trial.user_attrs.get(key_of(trial.user_attrs, "seed")) is not None
    if noted is None or not has_seed or not isinstance(trial, FrozenTrial):
        return False
    if not trial.state.is_finished():
        return False
    return noted not in trial.system_attrs.get("retry_history", [])


def write(study: Study, trial: FrozenTrial, **attrs: Any) -> None:
    """Write fields of ``Attrs`` where storage and live trial see them; None is not written."""
    for name, value in attrs.items():
        if value is not None and _get(trial.user_attrs, name, trial.number) != value:
            write_attribute(study, trial, key_of(trial.user_attrs, name), value)


def clear(study: Study, trial: FrozenTrial, *names: str) -> None:
    """Empty fields of ``Attrs``."""
    for name in names:
        key = key_of(trial.user_attrs, name)
        if trial.user_attrs.get(key) is not None:
            write_attribute(study, trial, key, None)


def clear_copied(study: Study, trial: FrozenTrial) -> None:
    """Empty the attributes that a clone carries of the trial that died.

    The number comes last, so that the rest stays another trial's until all of it is empty.
    """
    if not is_copied(trial):
        return
    clear(study, trial, *[n for n in Attrs._fields if n not in (*_SHARED, "number")])


def is_copied(trial: FrozenTrial) -> bool:
    """Tell whether a trial carries the attributes of a dead one that it is the clone of."""
    number = noted_number(trial)
    return number is not None and number != trial.number


def noted_number(trial: FrozenTrial) -> int | None:
    """Return the number of the trial that attributes were written for, None without any."""
    number: int | None = _get(trial.user_attrs, "number", trial.number)
    return number


def is_copied_final(trial: FrozenTrial, rate: float) -> bool:
    """Tell whether a trial is the clone of a dead final trial, with that trial's rate."""
    attrs, number = trial.user_attrs, trial.number
    is_final: bool = _get(attrs, "role", number) == "final"
    return is_final and bool(_get(attrs, "lr", number) == rate)


def write_verdict(study: Study, trial: FrozenTrial, verdict: Verdict) -> None:
    """Record a verdict, before the trial is finished and read-only."""
    # A trial of another sampler has no number yet, and would be taken for a clone.
    write(study, trial, number=trial.number, **verdict_attrs(verdict))


def verdict_attrs(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as attributes by name, without the prefix."""
    return {
        "became": verdict.name,
        "verdict": verdict.name,
        # Tables of trials sort numbers only.
        "side": _SIDES[verdict.name],
        "reason": verdict.reason,
        "confidence": float(verdict.confidence),
    }


def recorded_settings(trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    """Return the settings that the latest trials were run with, by name.

    The search goes back to the latest trial with a role on the lowest rung: that one carries every
    setting that there was, and what it lacks was not set any more.
    """
    found: dict[str, Any] = {}
    for trial in reversed(trials):
        is_longer = rung_of(trial) > 0
        for name in _SETTINGS:
            value = _get(trial.user_attrs, name, trial.number)
            if value is not None and not (is_longer and name == "probe_steps"):
                found.setdefault(name, value)
        if _get(trial.user_attrs, "role", trial.number) is not None and not is_longer:
            break
    return found


def rung_of(trial: FrozenTrial) -> int:
    """Return the rung of a trial, 0 for the lowest and for trials without any."""
    return _get(trial.user_attrs, "rung", trial.number) or 0


def is_on(trial: FrozenTrial, rung: int) -> bool:
    """Tell whether a trial is seen on a rung: its probes, and whatever is no probe."""
    if rung_of(trial) == rung:
        return True
    role = _get(trial.user_attrs, "role", trial.number)
    is_new = role is None and trial.state == TrialState.RUNNING
    return is_new or role in ("final", "surplus")


def latest(trials: Sequence[FrozenTrial], name: str) -> Any:
    """Return an attribute as the latest trial that carries one has it, None where none does."""
    values = (_get(trial.user_attrs, name, trial.number) for trial in reversed(trials))
    return next((value for value in values if value is not None), None)


def is_judged(trial: FrozenTrial) -> bool:
    """Tell whether a running probe has its verdict already, and only its end is not stored."""
    if trial.state != TrialState.RUNNING or key_of({}, "verdict") not in trial.user_attrs:
        return False
    attrs = read(trial)
    return attrs.role == "probe" and attrs.verdict is not None


def write_live(trial: BaseTrial, **attrs: Any) -> None:
    """Write attributes from inside the objective, whose live trial reaches the storage itself."""
    for name, value in attrs.items():
        trial.set_user_attr(key_of(trial.user_attrs, name), value)
