"""The rate of Phase 2 as a function of the step: backbone, gain, limits and anneal.

Open-loop: nothing here looks at a loss. The feedback of ``rules`` enters as one number, the gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Decay = Literal["law", "inverse", "none"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What is known about the rate before the run begins.

    Args:
        start_lr: Rate at step 0: the best rate of a run of ``probe_steps``.
        probe_steps: Horizon at which ``start_lr`` is right, in steps. None: unknown, no decay.
        final_steps: Length of the run in steps. None: unknown, no anneal.
        low: Lowest rate of the bracket, not yet corrected for the horizon. None: no limit.
        high: Highest rate of the bracket. None: no limit.
        horizon_exponent: Exponent of the law ``lr* ~ steps ** -exponent``, in [0, 1].
        anneal_fraction: Share of the run, at its end, over which the rate falls linearly, in
            [0, 1]. 0 switches the anneal off.
        decay: Backbone: ``"law"``, ``"inverse"`` for 1 / (1 + k t) with the k that ends where
            the law ends, or ``"none"`` for a constant.
        min_lr: Rate at the end of the anneal; it never raises the rate.
        warmup_steps: Steps over which the rate rises linearly from near zero. 0: none.

    Raises:
        ValueError: If a value is outside its range.
    """

    start_lr: float
    probe_steps: int | None
    final_steps: int | None = None
    low: float | None = None
    high: float | None = None
    horizon_exponent: float = 0.32
    anneal_fraction: float = 0.25
    decay: Decay = "law"
    min_lr: float = 0.0
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        """Reject values outside their range."""
        if not (math.isfinite(self.start_lr) and self.start_lr > 0):
            raise ValueError(f"start_lr must be positive and finite but got {self.start_lr}.")
        for name, value in (("probe_steps", self.probe_steps), ("final_steps", self.final_steps)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1 but got {value}.")
        if self.probe_steps and self.final_steps and self.probe_steps > self.final_steps:
            raise ValueError(
                f"probe_steps must be at most final_steps={self.final_steps} but got "
                f"{self.probe_steps}."
            )
        for name in ("horizon_exponent", "anneal_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1] but got {getattr(self, name)}.")
        if self.decay not in ("law", "inverse", "none"):
            raise ValueError(f"decay must be 'law', 'inverse' or 'none' but got {self.decay!r}.")
        if not (math.isfinite(self.min_lr) and self.min_lr >= 0):
            raise ValueError(f"min_lr must be finite and at least 0 but got {self.min_lr}.")
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps must be at least 0 but got {self.warmup_steps}.")
        self._check_limits()

    def _check_limits(self) -> None:
        low, high = self.low or 0.0, math.inf if self.high is None else self.high
        if not low <= self.start_lr <= high:
            raise ValueError(
                f"start_lr must lie in the bracket from {low} to {high} but got {self.start_lr}."
            )

    @property
    def anneal_start(self) -> float:
        """Step after which the rate leaves the bracket; infinite without a final anneal."""
        if self.final_steps is None or self.anneal_fraction == 0:
            return math.inf
        return self.final_steps * (1 - self.anneal_fraction)

    def law(self, step: float) -> float:
        """Correct for the horizon: ``min(1, (probe_steps / step) ** horizon_exponent)``.

        Args:
            step: Horizon in steps.

        Returns:
            The factor, in (0, 1]; 1.0 where the probe's horizon is unknown.
        """
        if self.probe_steps is None or step <= self.probe_steps:
            return 1.0
        return float((self.probe_steps / step) ** self.horizon_exponent)

    def backbone(self, step: int) -> float:
        """Follow the decay alone, without gain, limits or anneal.

        Args:
            step: Number of steps done.

        Returns:
            The rate.
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
        less than its low end.

        Args:
            rate: Any rate.
            step: Number of steps done; the horizon where ``final_steps`` is unknown.

        Returns:
            The nearest rate inside the limits.
        """
        if self.low is not None:
            rate = max(rate, self.low * self.law(self.final_steps or step))
        return rate if self.high is None else min(rate, self.high)

    def warm_up(self, step: int) -> float:
        """Rise linearly to 1 over the first steps.

        Args:
            step: Number of steps done since the first weights.

        Returns:
            The factor, in (0, 1].
        """
        return min(1.0, (step + 1) / (self.warmup_steps + 1))

    def anneal(self, step: int) -> float:
        """Fall linearly from 1 to 0 over the last part of the run.

        Args:
            step: Number of steps done.

        Returns:
            The factor, in [0, 1]; 1.0 before the anneal.
        """
        start = self.anneal_start
        if step <= start or self.final_steps is None:
            return 1.0
        return max(0.0, (self.final_steps - step) / (self.final_steps - start))

    def rate(self, step: int, gain: float = 1.0) -> float:
        """Compute the rate for the next update.

        Args:
            step: Number of steps done.
            gain: Factor of the feedback.

        Returns:
            The rate, inside the limits before the anneal.
        """
        rate = self.clamp(self.backbone(step) * gain, step)
        factor = self.anneal(step)
        return max(min(self.min_lr, rate), rate * factor)
