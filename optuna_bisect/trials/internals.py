"""Everything of Optuna that is not public, in one place."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any, Literal

from optuna import TrialPruned
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.pruners import BasePruner, PatientPruner
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import create_study
from optuna.trial import FrozenTrial, Trial, TrialState

from optuna_bisect.trials.parameter import as_rate, find_rate_name, is_known_name, rank_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import BaseTrial, FixedTrial

# Before the keys of what the sampler of other parameters keeps on a study.
_STATE = "bisect_independent:"
# None may be the value of a categorical parameter.
MISSING = object()


def storage_of(study: Study) -> BaseStorage:
    """Return the storage of a study."""
    return study._storage


def study_id(study: Study) -> int:
    """Return the number of the study within its storage."""
    return study._study_id


def trial_id(trial: FrozenTrial | Trial) -> int:
    """Return the number of the trial within its storage."""
    return trial._trial_id


def all_trials(study: Study) -> list[FrozenTrial]:
    """Return every trial of the study, also where Hyperband hands out a filtered one."""
    storage = study._storage
    trials = storage.get_all_trials(study._study_id, deepcopy=False)
    if trials and trials[-1].number != len(trials) - 1:
        # Rows were deleted. A new trial is numbered by their count, and takes the place of an
        # earlier one of its number in Optuna's cache, which may be the final trial.
        backend = getattr(storage, "_backend", storage)
        trials = backend.get_all_trials(study._study_id, deepcopy=False)
    return trials


def spaces_of(
    study: Study, trials: Sequence[FrozenTrial]
) -> Iterator[Mapping[str, BaseDistribution]]:
    """Yield the distributions of each trial, by the alphabet where the storage has no order."""
    is_ordered = keeps_order_of_params(study)
    for trial in trials:
        found = trial.distributions
        yield found if is_ordered else dict(sorted(found.items()))


def keeps_order_of_params(study: Study) -> bool:
    """Tell whether parameters come back in their order; gRPC mixes them, each process anew."""
    return isinstance(study._storage, (InMemoryStorage, JournalStorage, _CachedStorage))


def without(trials: Sequence[FrozenTrial], own: FrozenTrial) -> list[FrozenTrial]:
    """Leave out a trial; numbers may repeat where rows were deleted."""
    return [t for t in trials if t._trial_id != own._trial_id]


def write_attribute(study: Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Write an attribute where both the storage and the live trial see it.

    A hook's trial is a copy whose ``set_user_attr`` does not reach the storage, and what goes to
    the storage alone is never seen by the live trial; but the copy shares its dict with the live
    trial.
    """
    # A trial that another worker has ended by mistake takes no more attributes.
    with contextlib.suppress(UpdateFinishedTrialError, TrialPruned):
        study._storage.set_trial_user_attr(trial._trial_id, key, value)
    trial.user_attrs[key] = value


def live_trial(trial: BaseTrial) -> Trial | None:
    """Return Optuna's own trial, also inside that of a distributed run; None where there is none.

    On ranks above 0 of such a run there is none, nor is a FixedTrial one.
    """
    found = getattr(trial, "_delegate", trial)
    return found if isinstance(found, Trial) else None


def write_hidden(trial: BaseTrial, key: str, value: Any) -> None:
    """Write an attribute of a running trial that no table of trials shows."""
    found = live_trial(trial)
    if found is not None:
        found.storage.set_trial_system_attr(found._trial_id, key, value)


def read_hidden(trial: BaseTrial, key: str) -> Any:
    """Return such an attribute as the storage has it now, None where there is none."""
    found = live_trial(trial)
    return found and found.storage.get_trial_system_attrs(found._trial_id).get(key)


def write_system(study: Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Write such an attribute from a hook, unless another worker has ended the trial."""
    with contextlib.suppress(UpdateFinishedTrialError, TrialPruned):
        study._storage.set_trial_system_attr(trial._trial_id, key, value)


def study_attributes(study: Study) -> dict[str, Any]:
    """Return the attributes of a study that Optuna and its dashboard keep there."""
    return dict(study._storage.get_study_system_attrs(study._study_id))


def set_study_attribute(study: Study, key: str, value: Any) -> None:
    """Set one of these."""
    study._storage.set_study_system_attr(study._study_id, key, value)


def fixed_params(trial: FrozenTrial) -> Mapping[str, Any]:
    """Return the parameters that a user chose by ``enqueue_trial``."""
    found = trial.system_attrs.get("fixed_params")
    return found if isinstance(found, dict) else {}


def fixed_rate(trial: FixedTrial) -> float | None:
    """Return the rate that a FixedTrial was made with, asked for already or not."""
    numbers = [n for n, value in trial._params.items() if as_rate(value) is not None]
    name = max(numbers, key=rank_of, default=None)
    if name is None or not is_known_name(name):
        name = find_rate_name([trial.distributions])
    return as_rate(trial._params.get(name or ""))


def is_follower() -> bool:
    """Tell whether this process follows another one in a process group of torch."""
    dist = sys.modules.get("torch.distributed")
    return bool(dist and dist.is_available() and dist.is_initialized() and dist.get_rank() > 0)


def trial_of(study: Study, number: int) -> FrozenTrial | None:
    """Return a trial by its number, None where it was deleted."""
    return next((t for t in all_trials(study) if t.number == number), None)


def is_value_of(distribution: BaseDistribution, value: Any) -> bool:
    """Tell whether a distribution allows a value."""
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:
        return False


def new_study(
    study: Study, sampler: BaseSampler, *, direction: Literal["minimize", "maximize"] | None = None
) -> Study:
    """Return a study in memory without trials, with the directions of another one, or its own.

    Without its log line, and with what ``keep_state`` kept of the last such study.
    """
    log = logging.getLogger(InMemoryStorage.__module__)
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        new = (
            create_study(directions=study.directions, sampler=sampler)
            if direction is None
            else create_study(direction=direction, sampler=sampler)
        )
    finally:
        log.setLevel(level)
    for key, value in study_attributes(study).items():
        if key.startswith(_STATE):
            set_study_attribute(new, key.removeprefix(_STATE), value)
    return new


def keep_state(study: Study, other: Study) -> None:
    """Keep on a study what a sampler wrote on another one: the place in a sequence, for one."""
    for key, value in study_attributes(other).items():
        set_study_attribute(study, _STATE + key, value)


def give_params(study: Study, trial: FrozenTrial, other: FrozenTrial) -> None:
    """Write the parameters of another trial on a running one that has none of its own."""
    for name in other.params.keys() - trial.params.keys():
        distribution = other.distributions[name]
        value = distribution.to_internal_repr(other.params[name])
        with contextlib.suppress(UpdateFinishedTrialError, TrialPruned):
            study._storage.set_trial_param(trial._trial_id, name, value, distribution)


def whole_study(study: Study) -> Study:
    """Return the study itself where Hyperband hands out a part of the study with its own loop."""
    found: Study = getattr(study, "_study", study)
    return found


def in_optimize(study: Study) -> bool:
    """Tell whether this thread runs ``study.optimize``, where a sampler may raise and wait."""
    return bool(whole_study(study)._thread_local.in_optimize_loop)


def wrapped_pruner(pruner: BasePruner) -> BasePruner | None:
    """Return the pruner inside a PatientPruner, None for any other pruner."""
    return pruner._wrapped_pruner if isinstance(pruner, PatientPruner) else None


def fail(study: Study, trial: FrozenTrial) -> None:
    """Close a trial that cannot run, so that raising from a hook leaves nothing RUNNING."""
    # A storage that does not answer is what the hook raises about already.
    with contextlib.suppress(Exception):
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def wrap_journal_lock(study: Study, kind: Callable[[Any, str], Any]) -> None:
    """Put a lock of this kind around that of a journal file, once; no other storage has one."""
    storage = study._storage
    backend = storage._backend if isinstance(storage, JournalStorage) else None
    if isinstance(backend, JournalFileBackend) and type(backend._lock) is not kind:
        backend._lock = kind(backend._lock, backend._file_path)


def is_cut_off() -> bool:
    """Tell whether Ctrl-C or the storage ended the objective, which says nothing about the run.

    Hooks are not given the exception; only the loop of Optuna that calls them knows it.
    """
    frame = sys._getframe()
    while frame.f_code.co_name != "_run_trial":
        if frame.f_back is None:
            return False
        frame = frame.f_back
    error = frame.f_locals.get("func_err")
    if isinstance(error, (KeyboardInterrupt, StorageInternalError)):
        return True
    if not isinstance(error, Exception) or isinstance(error, (TypeError, ValueError)):
        # What a storage does not take is the objective's own fault.
        return False
    modules = (f.f_globals.get("__name__", "") for f, _ in traceback.walk_tb(error.__traceback__))
    return any(name.startswith("optuna.storages.") for name in modules)
