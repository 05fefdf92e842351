"""The rate of a full run as a function of the step: backbone, gain, limits and anneal.

Open-loop: nothing here looks at a loss. The feedback enters as one number, the gain. A ``step`` is
the number of steps done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from optuna_bisect._checks import (
    check_at_least,
    check_choice,
    check_not_negative,
    check_number,
    check_positive,
    check_share,
    check_steps,
)

Decay = Literal["law", "inverse", "none"]
DECAYS: tuple[Decay, ...] = ("law", "inverse", "none")

# A run that is longer than declared by this factor was declared in another unit.
OVERRUN = 1.1


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What is known about the rate before the run begins; ``BisectionLR`` explains the options.

    Attributes:
        low: Lowest rate of the bracket, not yet corrected for the horizon. 0: no limit.
        high: Highest rate of the bracket. Infinite: no limit.

    Raises:
        ValueError: If a value is outside its range.
    """

    start_lr: float
    probe_steps: int | None
    final_steps: int | None = None
    low: float = 0.0
    high: float = math.inf
    horizon_exponent: float = 0.32
    anneal_fraction: float = 0.5
    decay: Decay = "none"
    min_lr: float = 0.0
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        """Reject values outside their range; keep plain Python values."""
        probe_steps, final_steps = check_steps(self.probe_steps, self.final_steps)
        vars(self).update(
            start_lr=check_positive("start_lr", self.start_lr),
            probe_steps=probe_steps,
            final_steps=final_steps,
            low=check_at_least("low", self.low, 0),
            high=check_number("high", self.high),
            horizon_exponent=check_share("horizon_exponent", self.horizon_exponent),
            anneal_fraction=check_share("anneal_fraction", self.anneal_fraction),
            decay=check_choice("decay", self.decay, DECAYS),
            min_lr=check_at_least("min_lr", self.min_lr, 0),
            warmup_steps=check_not_negative("warmup_steps", self.warmup_steps),
        )
        if not self.low <= self.start_lr <= self.high:
            raise ValueError(
                f"start_lr must lie in the bracket from low={self.low} to high={self.high} but "
                f"got {self.start_lr}."
            )

    @property
    def anneal_start(self) -> float:
        """Step after which the rate leaves the bracket; infinite without a final anneal."""
        if self.final_steps is None or self.anneal_fraction == 0:
            return math.inf
        return self.final_steps * (1 - self.anneal_fraction)

    def law(self, step: float) -> float:
        """Correct for a horizon: ``min(1, (probe_steps / step) ** horizon_exponent)``.

        Long runs want lower rates. Where the horizon of the start rate is unknown: 1.0.
        """
        if self.probe_steps is None or step <= self.probe_steps:
            return 1.0
        return float((self.probe_steps / step) ** self.horizon_exponent)

    def backbone(self, step: int) -> float:
        """Follow the decay alone, without gain, limits or anneal.

        The inverse decay is 1 / (1 + k t) with the k that ends where the law ends.
        """
        if self.decay == "none" or self.probe_steps is None or step <= self.probe_steps:
            return self.start_lr
        if self.decay == "law":
            return self.start_lr * self.law(step)
        k = self.horizon_exponent / self.probe_steps
        if self.final_steps is not None and self.final_steps > self.probe_steps:
            k = (1 / self.law(self.final_steps) - 1) / (self.final_steps - self.probe_steps)
        return self.start_lr / (1 + k * (step - self.probe_steps))

    def clamp(self, rate: float, step: int) -> float:
        """Hold a rate inside the bracket, whose low end is corrected for the horizon.

        The bracket was found with short runs; a run of ``final_steps`` may need the law's factor
        less than its low end. Where that length is unknown, ``step`` is the horizon.
        """
        return min(max(rate, self.low * self.law(self.final_steps or step)), self.high)

    def warm_up(self, step: int) -> float:
        """Rise linearly to 1 over ``warmup_steps``, ``step`` counted from the first weights."""
        return min(1.0, (step + 1) / (self.warmup_steps + 1))

    def anneal(self, step: int) -> float:
        """Fall linearly from 1 to 0 over the last part of the run."""
        start = self.anneal_start
        if step <= start or self.final_steps is None:
            return 1.0
        return max(0.0, (self.final_steps - step) / (self.final_steps - start))

    def rate(self, step: int, gain: float = 1.0) -> float:
        """Compute the rate for the next update, inside the limits before the anneal."""
        rate = self.clamp(self.backbone(step) * gain, step)
        return max(min(self.min_lr, rate), rate * self.anneal(step))

    def rate_beyond(self, step: int, gain: float = 1.0) -> float:
        """Compute the rate of a run that may have passed its declared end.

        It holds the last rate before 0; a run that goes on for long was declared far too short,
        and has the rate of one whose length is unknown.
        """
        end = self.final_steps
        if end is None or step <= end:
            return self.rate(step, gain)
        if step <= OVERRUN * end:
            return self.rate(end - 1, gain)
        return self.clamp(self.backbone(step) * gain, step)
