"""Publishes a study again while its trials run: a callback is called between trials only."""

from __future__ import annotations

import atexit
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from optuna_bisect._logger import logger
from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.study import Study

# Seconds between two looks, and those without a running trial after which nobody looks any more.
_GAP, _PATIENCE = 5.0, 30.0
# Share of the time that publishing may take.
_SHARE = 0.05
_watchers: WeakKeyDictionary[object, dict[int, Watcher]] = WeakKeyDictionary()
_lock = threading.Lock()


class Watcher(threading.Thread):
    """Looks at a study now and then and publishes it where it has changed."""

    def __init__(self, study: Study, publish: Callable[[Study], None]) -> None:
        super().__init__(name="optuna_bisect publisher", daemon=True)
        self._study, self._publish = study, publish
        self._is_over = threading.Event()
        self.is_needed = True
        self._active = time.monotonic()

    def run(self) -> None:
        """Publish until no trial has run for a while, or the program ends."""
        gap, seen = _GAP, None
        try:
            while not self._is_over.wait(gap):
                trials = internals.all_trials(self._study)
                if self._is_idle(any(not t.state.is_finished() for t in trials)):
                    return
                state = [(t.state, t.last_step) for t in trials]
                if state == seen:
                    continue
                begin, seen = time.monotonic(), state
                self._publish(self._study)
                gap = max(_GAP, (time.monotonic() - begin) / _SHARE)
        except Exception as error:  # noqa: BLE001 (any storage may raise anything)
            logger.warning(f"The dashboard is not refreshed during trials any more: {error}")
        finally:
            self.is_needed = False
            internals.storage_of(self._study).remove_session()

    def stay(self) -> None:
        """Begin the wait for a running trial again; the caller holds the lock."""
        self._active = time.monotonic()

    def _is_idle(self, is_running: bool) -> bool:
        """Tell whether a look that found no running trial comes too long after the last sign."""
        with _lock:  # who asks meanwhile is told, and starts the next watcher
            if is_running:
                self.stay()
            elif time.monotonic() - self._active >= _PATIENCE:
                self.is_needed = False
            return not self.is_needed

    def end(self) -> None:
        """Stop looking: a thread that is killed while it writes would leave a lock behind."""
        self._is_over.set()
        self.join()


def watch(study: Study, publish: Callable[[Study], None]) -> None:
    """Publish a study in the background while its trials run; once for each study."""
    with _lock:
        known = _watchers.setdefault(internals.storage_of(study), {})
        found = known.get(internals.study_id(study))
        if found is not None and found.is_needed:
            found.stay()
            return
        known[internals.study_id(study)] = found = Watcher(study, publish)
        atexit.register(found.end)
        found.start()
