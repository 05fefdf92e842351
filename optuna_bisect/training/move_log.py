"""What the adjustment of the rate did, for people: the history, and a small copy on the trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.fitting import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import BaseTrial

    from optuna_bisect.feedback.state import Event
    from optuna_bisect.fitting.fit import Fit

# Points of the rate and moves on the trial, each; older ones give way to newer ones.
_MAX_POINTS = 60


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


@dataclass
class MoveLog:
    """The history, and the rate at regular steps.

    Attributes:
        entries: Every move and what else happened.
        path: Steps and the rates from then on, at most 60 and evenly spaced.
        every: Least distance between two of these steps.
    """

    entries: list[Entry] = field(default_factory=list)
    path: list[tuple[int, float]] = field(default_factory=list)
    every: int = 1

    def record(
        self,
        step: int,
        lr: float,
        events: Sequence[Event],
        *,
        is_restored: bool,
        fit: Fit | None = None,
    ) -> None:
        """Add what happened at a step, and the rate from then on; at the end also the fit."""
        for event in events:
            is_back = is_restored and event.signal in ("stall", "collapse")
            reason = event.reason + (" The last good weights are back." if is_back else "")
            if fit is not None and event.signal == "finished":
                reason += f" {fit.sentence}"
            self.entries.append(Entry(step, lr, event.signal, reason))
        if not self.path or step - self.path[-1][0] >= self.every:
            self.path = [*self.path, (step, lr)]
        if len(self.path) > _MAX_POINTS:
            self.path = self.path[::2]
            self.every = max(1, self.path[1][0] - self.path[0][0])

    def publish(self, trial: BaseTrial, unit: float = 1.0) -> None:
        """Write what has room, about 4 kB, with the rates divided by a unit."""
        path = [[step, _short(lr / unit)] for step, lr in self.path]
        moves = [[e.step, _short(e.lr / unit), e.signal] for e in self.entries[-_MAX_POINTS:]]
        records.write_adjustment(trial, {"path": path, "moves": moves})

    def state_dict(self) -> dict[str, Any]:
        """Return the fields in plain lists and tuples."""
        return vars(self) | {"entries": [tuple(entry) for entry in self.entries]}

    @classmethod
    def from_state_dict(cls, state_dict: dict[str, Any]) -> MoveLog:
        """Go on where ``state_dict`` was taken."""
        return cls(**(state_dict | {"entries": [Entry(*e) for e in state_dict["entries"]]}))


def _short(lr: float) -> float:
    return float(f"{lr:.4g}")
