"""What Phase 2 did, for people: the history, and a small copy of it on the trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.study import attributes

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

_MAX_POINTS = 60
"""Points of the rate and moves on the trial, each; older ones give way to newer ones."""


class Entry(NamedTuple):
    """One line of the history.

    Attributes:
        step: Steps done.
        lr: Rate of the first parameter group from then on.
        signal: ``"leg"``, ``"settled"``, ``"overshoot"``, ``"undershoot"``, ``"stall"``,
            ``"collapse"``, ``"pause"``, ``"anneal"`` or ``"finished"``.
        reason: One sentence.
    """

    step: int
    lr: float
    signal: str
    reason: str


class Journal:
    """The history, and the rate at regular steps."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.path: list[tuple[int, float]] = []
        self._every = 1

    def note_rate(self, step: int, lr: float) -> None:
        """Remember the rate, at most `_MAX_POINTS` times and evenly."""
        if self.path and step - self.path[-1][0] < self._every:
            return
        self.path.append((step, lr))
        if len(self.path) > _MAX_POINTS:
            self.path = self.path[::2]
            self._every = 2 * max(1, self.path[1][0] - self.path[0][0]) // 2

    def publish(self, trial: BaseTrial) -> None:
        """Write what fits: about 4 kB, whatever the length of the run."""
        value = {
            "path": [[step, _short(lr)] for step, lr in self.path],
            "moves": [[e.step, _short(e.lr), e.signal] for e in self.entries[-_MAX_POINTS:]],
        }
        attributes.write_live(trial, adjustment=value)

    def state_dict(self) -> dict[str, Any]:
        """Return plain lists."""
        return {
            "entries": [list(entry) for entry in self.entries],
            "path": [list(point) for point in self.path],
            "every": self._every,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.entries = [Entry(*entry) for entry in state_dict["entries"]]
        self.path = [(step, lr) for step, lr in state_dict["path"]]
        self._every = state_dict["every"]


def _short(lr: float) -> float:
    return float(f"{lr:.4g}")
