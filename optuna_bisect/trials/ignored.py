"""Attributes that a reading of a study ignored, because this package cannot have written them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from optuna_bisect._logger import logger
from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from optuna.study import Study


class _Ignored(threading.local):
    """What this thread has ignored in its last reading of a study: a sentence for each key."""

    def __init__(self) -> None:
        self.sentences: dict[str, str] = {}


_ignored = _Ignored()
# What was said, by study and key.
_said: WeakKeyDictionary[object, set[tuple[int, str]]] = WeakKeyDictionary()


def forget() -> None:
    """Begin to read a study: what was ignored before belongs to another one."""
    _ignored.sentences.clear()


def note(key: str, sentence: str) -> None:
    """Keep a sentence about an attribute that is ignored."""
    _ignored.sentences[key] = sentence


def say(study: Study) -> None:
    """Say what was ignored in the study that was just read, once for each key."""
    if not _ignored.sentences:
        return
    said = _said.setdefault(internals.storage_of(study), set())
    for key, sentence in _ignored.sentences.items():
        if (internals.study_id(study), key) not in said:
            said.add((internals.study_id(study), key))
            logger.warning(sentence)
