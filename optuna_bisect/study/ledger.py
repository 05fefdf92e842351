"""What is remembered of a study's trials between two readings, so that each is read once.

Finished trials do not change. Everything here is for speed only: it may be lost at any moment, and
a new process computes the same from storage.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect.study import attributes
from optuna_bisect.study.finished import read_on, read_past
from optuna_bisect.study.parameter import find_rate_name, is_known_name, is_log_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.finished import Past, View


class Facts(NamedTuple):
    """What trials say about the study as a whole, in whatever order they are read.

    Attributes:
        settings: Settings by name, each from the latest trial that has it, with its number.
        role_number: Latest trial with a role: it carries every setting that there is.
        known_name: First parameter with a known name of a rate, with its trial's number.
        any_name: First log-scale float, with its trial's number.
        ranges: Latest distribution of every float, with its trial's number.
    """

    settings: Mapping[str, tuple[int, Any]] = MappingProxyType({})
    role_number: int = -1
    known_name: tuple[int, str] | None = None
    any_name: tuple[int, str] | None = None
    ranges: Mapping[str, tuple[int, FloatDistribution]] = MappingProxyType({})

    def setting(self, name: str) -> Any:
        """Return a setting, None if no trial has it or a later one was run without it.

        The parameter's name is a finding, not a setting, and stands until another is found.
        """
        number, value = self.settings.get(name, (-1, None))
        return value if number >= self.role_number or name == "param" else None

    @property
    def rate_name(self) -> str | None:
        """The parameter that is the learning rate, None while no trial has a log-scale float."""
        found = self.known_name or self.any_name
        return None if found is None else found[1]

    def rate_name_with(self, own: Mapping[str, BaseDistribution]) -> str | None:
        """Return the parameter that is the rate, given the parameters of one more, later trial."""
        if self.known_name is not None:
            return self.known_name[1]
        name = find_rate_name([own])
        is_known = name is not None and is_known_name(name)
        return name if is_known or self.any_name is None else self.any_name[1]

    def distribution(self, name: str | None) -> FloatDistribution | None:
        """Return the latest distribution of a float."""
        return None if name is None or name not in self.ranges else self.ranges[name][1]

    def including(self, trials: Iterable[FrozenTrial]) -> Facts:
        """Return the facts that follow from more trials."""
        settings, ranges = dict(self.settings), dict(self.ranges)
        role_number, known, first = self.role_number, self.known_name, self.any_name
        for trial in trials:
            number = trial.number
            if attributes.settings_of(trial, settings):
                role_number = max(role_number, number)
            for name, distribution in trial.distributions.items():
                if not isinstance(distribution, FloatDistribution):
                    continue
                if name not in ranges or number > ranges[name][0]:
                    ranges[name] = (number, distribution)
                if is_log_float(distribution):
                    if is_known_name(name) and (known is None or number < known[0]):
                        known = (number, name)
                    if first is None or number < first[0]:
                        first = (number, name)
        return Facts(settings, role_number, known, first, ranges)


NO_FACTS = Facts()
_UNFINISHED = (TrialState.RUNNING, TrialState.WAITING)


class Ledger(NamedTuple):
    """What has been read.

    Attributes:
        n_trials: Number of trials that there were.
        open: Numbers of those that had not finished.
        facts: What the finished ones say about the study.
        pasts: What the finished ones say about the search, by how they are read.
    """

    n_trials: int
    open: tuple[int, ...]
    facts: Facts
    pasts: dict[View, Past]

    def past(self, trials: Sequence[FrozenTrial], view: View) -> Past:
        """Return what the finished trials say, read in a certain way."""
        past = self.pasts.get(view)
        if past is None:
            unfinished = set(self.open)
            read = [t for t in trials[: self.n_trials] if t.number not in unfinished]
            finished = [t for t in read if t.state not in _UNFINISHED]
            past = read_past(finished, view)
            # Another thread may have read a later state of these trials.
            if len(finished) == len(read):
                self.pasts[view] = past
        return past


def _begin() -> Ledger:
    return Ledger(0, (), NO_FACTS, {})


def reread(ledger: Ledger, trials: Sequence[FrozenTrial]) -> Ledger:
    """Read what may have changed: the trials that were open, and the new ones."""
    if len(trials) < ledger.n_trials:
        ledger = _begin()
    done, unfinished = [], []
    for trial in (*(trials[n] for n in ledger.open), *trials[ledger.n_trials :]):
        if trial.state in _UNFINISHED:
            unfinished.append(trial.number)
        else:
            done.append(trial)
    if not done and len(trials) == ledger.n_trials:
        return ledger
    if not done:
        return Ledger(len(trials), tuple(unfinished), ledger.facts, ledger.pasts)
    known = {v: read_on(past, done, v) for v, past in ledger.pasts.items()}
    pasts = {view: past for view, past in known.items() if past is not None}
    return Ledger(len(trials), tuple(unfinished), ledger.facts.including(done), pasts)


_memo: WeakKeyDictionary[object, dict[int, Ledger]] = WeakKeyDictionary()


def recall_ledger(study: Study, trials: Sequence[FrozenTrial]) -> Ledger:
    """Return the ledger of a study, brought up to date.

    Args:
        study: The study.
        trials: All of its trials, by number.

    Returns:
        The ledger.
    """
    storage = attributes.storage_of(study)
    memo = _memo.get(storage)
    if memo is None:
        memo = _memo[storage] = {}
    key = attributes.study_id(study)
    ledger = memo[key] = reread(memo.get(key) or _begin(), trials)
    return ledger
