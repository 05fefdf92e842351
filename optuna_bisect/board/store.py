"""Writes notes and figures for optuna-dashboard, each as one attribute of the study.

The dashboard's own functions cut a text into pieces of 2 kB and write them one by one, so that a
page that is open meanwhile puts old and new pieces together and shows an empty card. It reads
pieces of any length, and one attribute is replaced in one go on every storage. The keys are those
of optuna-dashboard 0.17 to 0.21; tests hold them against both servers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from optuna.study import Study

# A text column of MySQL takes 64 kB of JSON, where a quote takes two bytes and an umlaut six; what
# is longer is cut, and no longer replaced in one go.
_LONGEST = 60_000


class Store:
    """The attributes of a study that the dashboard reads, as they were when this was made."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._known = internals.study_attributes(study)

    def note(self, trial_id: int | None = None) -> str:
        """Return the note of a trial, None for the study's; empty without one."""
        return self._read(self._note_prefix(trial_id))

    def write_note(self, text: str, trial_id: int | None = None) -> None:
        """Replace a note."""
        version = f"dashboard:{'' if trial_id is None else f'{trial_id}:'}note_ver"
        if self._write(self._note_prefix(trial_id), text):
            self._set(version, self._known.get(version, 0) + 1)

    def write_figure(self, name: str, text: str) -> None:
        """Replace a figure, given as JSON."""
        self._write(f"dashboard:plot_data:{name}:", text)

    def _note_prefix(self, trial_id: int | None) -> str:
        return f"dashboard:{'' if trial_id is None else f'{trial_id}:'}note_str:"

    def _pieces(self, prefix: str) -> list[str]:
        n = sum(key.startswith(prefix) for key in self._known)
        return [self._known.get(f"{prefix}{i}", "") for i in range(n)]

    def _read(self, prefix: str) -> str:
        return "".join(self._pieces(prefix))

    def _write(self, prefix: str, text: str) -> bool:
        """Write a text where it has changed; tell whether it had."""
        before = self._pieces(prefix)
        if before and "".join(before) == text:
            return False
        pieces = _cut(text)
        pieces += [""] * (len(before) - len(pieces))
        for i, piece in enumerate(pieces):
            if i >= len(before) or before[i] != piece:
                self._set(f"{prefix}{i}", piece)
        return True

    def _set(self, key: str, value: Any) -> None:
        internals.set_study_attribute(self._study, key, value)
        self._known[key] = value


def _cut(text: str) -> list[str]:
    """Cut a text into pieces that are short enough as JSON."""
    if len(json.dumps(text)) <= _LONGEST:
        return [text]
    middle = len(text) // 2
    return [*_cut(text[:middle]), *_cut(text[middle:])]
