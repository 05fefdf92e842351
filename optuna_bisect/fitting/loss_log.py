"""Training and validation losses of one run: at most 60 pairs, and the best of all validations."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

# Pairs that are kept; where there are more, every other one is left out.
MAX_POINTS = 60


@dataclass
class LossLog:
    """Collects a pair at each validation: its loss, and the mean training loss since the last one.

    Losses may be tensors on a device. They are turned into numbers 60 validations at a time, so
    that no update waits for the device.

    Attributes:
        points: Steps done, training loss and validation loss, evenly thinned.
        first: The first training loss, None before there is one.
        best: The pair with the lowest validation loss, None without a finite one.
        every: One of so many validations is kept.
        n_seen: Validations so far.
        last: The last one, whether it is kept or not.
        total: Sum of the training losses since the last validation.
        n_total: Their number.
        pending: Validations that are no numbers yet.
    """

    points: list[tuple[int, float, float]] = field(default_factory=list)
    first: Any = None
    best: tuple[int, float, float] | None = None
    every: int = 1
    n_seen: int = 0
    last: tuple[int, float, float] | None = None
    total: Any = 0.0
    n_total: int = 0
    pending: list[tuple[int, Any, Any]] = field(default_factory=list)

    def add(self, step: int, train_loss: Any, val_loss: Any | None) -> None:
        """Take in the losses of one call; ``step`` counts the steps done."""
        if self.first is None:
            # A captured graph fills the very same tensor again.
            self.first = train_loss + 0.0
        self.total = self.total + train_loss
        self.n_total += 1
        if val_loss is None:
            return
        self.pending.append((step, self.total / self.n_total, val_loss + 0.0))
        self.total, self.n_total = 0.0, 0
        if len(self.pending) >= MAX_POINTS:
            self.settle()

    def settle(self) -> None:
        """Turn what is pending into numbers."""
        for step, train, val in ((s, float(t), float(v)) for s, t, v in self.pending):
            self.last = (step, train, val)
            if math.isfinite(val) and (self.best is None or val < self.best[2]):
                self.best = self.last
            if self.n_seen % self.every == 0:
                self.points.append(self.last)
            self.n_seen += 1
            if len(self.points) > MAX_POINTS:
                self.points, self.every = self.points[::2], 2 * self.every
        self.pending = []
        if self.first is not None:
            self.first = float(self.first)

    def begin_anew(self) -> None:
        """Forget what was seen: the weights are the first ones again."""
        first = self.first
        vars(self).update(vars(LossLog(first=first)))

    def to_record(self) -> dict[str, Any] | None:
        """Return what a trial keeps, about 2 kB; None where nothing was validated."""
        self.settle()
        if self.best is None or self.last is None:
            return None
        # Over-fitting may begin early and end late: neither falls through the grid.
        seen = sorted({*self.points, self.best, self.last})
        points = [[step, _short(t), _short(v)] for step, t, v in seen if _is_finite(t, v)]
        if not points:
            return None
        first = float(self.first) if math.isfinite(self.first) else points[0][1]
        best = [self.best[0], _short(self.best[2])]
        return {"first": _short(first), "best": best, "points": points}

    def state_dict(self) -> dict[str, Any]:
        """Return the fields as plain numbers in plain containers."""
        self.settle()
        total, n_total = float(self.total), self.n_total
        if not math.isfinite(total):
            # A mean with such a loss would be left out anyway.
            total, n_total = 0.0, 0
        own = {"points": list(self.points), "pending": []}
        return vars(self) | own | {"total": total, "n_total": n_total}

    @classmethod
    def from_state_dict(cls, state_dict: dict[str, Any]) -> LossLog:
        """Go on where ``state_dict`` was taken, which may be taken again."""
        log = cls(**state_dict)
        log.points, log.pending = list(log.points), list(log.pending)
        return log


def _is_finite(*losses: float) -> bool:
    return all(map(math.isfinite, losses))


def _short(loss: float) -> float:
    return float(f"{loss:.5g}")
