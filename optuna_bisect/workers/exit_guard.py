"""A trial that is still RUNNING when its process exits is failed, so that no one waits for it.

``sys.exit`` in the objective, and Ctrl-C between two trials, end a worker past every handler of
Optuna. A final trial left RUNNING in a storage without a heartbeat would keep its role for ever.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import threading
import traceback
import warnings
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from optuna.trial import TrialState

from optuna_bisect.trials import internals
from optuna_bisect.workers.heartbeat_guard import has_heartbeat

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

# The latest trial of each thread; a forked process must not end those of its parent.
_latest: WeakKeyDictionary[BaseStorage, dict[tuple[int, int], int]] = WeakKeyDictionary()


def fail_at_exit(study: Study, trial: FrozenTrial) -> None:
    """Remember the trial that this thread begins, unless a heartbeat does so.

    Under ask-and-tell another process may go on with the trial.
    """
    storage = internals.storage_of(study)
    if internals.in_optimize(study) and not has_heartbeat(storage):
        thread = (os.getpid(), threading.get_ident())
        _latest.setdefault(storage, {})[thread] = internals.trial_id(trial)


@atexit.register
def fail_unfinished() -> None:
    """Fail the trials that threads of this process have begun and not ended."""
    for storage, trials in list(_latest.items()):
        for (pid, _), trial_id in trials.items():
            # Nobody is left to hear what goes wrong here, such as that a cluster is gone.
            with warnings.catch_warnings(), contextlib.suppress(Exception):
                warnings.simplefilter("ignore")
                if pid == os.getpid() and not storage.get_trial(trial_id).state.is_finished():
                    _release_cursors()
                    storage.set_trial_state_values(trial_id, TrialState.FAIL)


def _release_cursors() -> None:
    """Drop the variables of the frames that the exception which ends Python went through.

    Ctrl-C between a statement of SQLite and the reading of its rows leaves a cursor there, and
    while that is open SQLite answers every write, of this process too: the database is locked.
    """
    error, seen = getattr(sys, "last_value", None), set()
    # A program may have made the chain a circle.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        for frame, _ in traceback.walk_tb(error.__traceback__):
            # Until Python 3.12 a frame keeps a copy of what was read; reading again empties it.
            frame.f_locals  # noqa: B018
        error = error.__context__
    gc.collect()
