"""A line of a journal file that could not be written whole is cut off again.

A full disk takes part of a line. Optuna leaves it, so that the next line is written on to it; what
comes of that is no JSON, and every worker that reads the file from then on dies of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from optuna.storages.journal import JournalFileSymlinkLock
    from optuna.study import Study

_CHUNK = 4096


class WholeLineLock:
    """The lock of a journal file, under which the file always ends in a whole line."""

    def __init__(self, inner: JournalFileSymlinkLock, path: str) -> None:
        self._inner = inner
        self._path = Path(path)

    def acquire(self) -> bool:
        """Lock the file; another worker may have left a part of a line."""
        is_acquired: bool = self._inner.acquire()
        try:
            cut_torn_line(self._path)
        except BaseException:
            self._inner.release()
            raise
        return is_acquired

    def release(self) -> None:
        """Unlock the file after a line was written, or a part of it."""
        try:
            cut_torn_line(self._path)
        finally:
            self._inner.release()


def cut_torn_line(path: Path) -> None:
    """Cut off what comes after the last line end."""
    with path.open("r+b") as file:
        size = end = file.seek(0, 2)
        while end:
            begin = max(0, end - _CHUNK) if end < size else end - 1
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                end = begin + found + 1
                break
            end = begin
        if end < size:
            file.truncate(end)


def guard_journal(study: Study) -> None:
    """Keep the lines of a journal file whole from now on."""
    internals.wrap_journal_lock(study, WholeLineLock)
