"""A loss curve as it was reported, the run that it belongs to, and the noise on it.

Losses are always to be minimised: where a user maximises, callers turn the signs before.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# The last reports are averaged; the first two are left out: initial loss and transient.
N_AVERAGED = 3
N_SKIPPED = 2


@dataclass(frozen=True)
class Curve:
    """A reported loss curve: ascending steps, and losses to be minimised, finite or not."""

    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()

    def __len__(self) -> int:
        """Return the number of reports."""
        return len(self.steps)

    @cached_property
    def is_finite(self) -> bool:
        """Whether every reported loss is finite."""
        return all(math.isfinite(loss) for loss in self.losses)

    @property
    def horizon(self) -> int:
        """Length of the run in steps: the last step plus one; 0 without reports."""
        return self.steps[-1] + 1 if self.steps else 0

    @cached_property
    def end(self) -> float:
        """Mean of the last reports; NaN without any."""
        return float(np.mean(self.losses[-N_AVERAGED:])) if self.losses else math.nan

    def until(self, step: int) -> Curve:
        """Return the part up to and including a step."""
        n = bisect_right(self.steps, step)
        return self if n == len(self) else Curve(self.steps[:n], self.losses[:n])


@dataclass(frozen=True)
class Run:
    """A training run by what a comparison needs; ``number`` is the number of its trial."""

    number: int
    rate: float
    curve: Curve = field(default_factory=Curve)


def noise_of(losses: Sequence[float]) -> float:
    """Estimate the standard deviation of the noise on finite losses; 0.0 for fewer than two.

    Second differences cancel any straight trend; of white noise with deviation s they have the
    variance 6 s^2 (Gasser, Sroka and Jennen-Steinmetz 1986, equation 2.5, on an even grid). Their
    median is used because one spike would spoil a mean. Two losses have only a first difference.
    """
    if len(losses) < 3:
        return float(np.ptp(losses)) / (0.6745 * math.sqrt(2)) if len(losses) else 0.0
    second = np.abs(np.diff(np.asarray(losses, dtype=float), n=2))
    return float(np.median(second)) / (0.6745 * math.sqrt(6))
