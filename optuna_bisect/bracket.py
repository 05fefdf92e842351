"""The interval of learning rates that still holds the best one, in log space."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Bracket:
    """A pair of learning rates with the best rate between them.

    Learning rates act through their ratios, so all arithmetic here is done on logarithms: the
    middle of 1e-6 and 1e-2 is 1e-4.

    Args:
        low: The highest rate known to undershoot, or the low end of the range.
        high: The lowest rate known to overshoot, or the high end of the range.

    Raises:
        ValueError: Unless ``0 < low < high`` and both are finite.

    Example:
        >>> Bracket(1e-6, 1e-2).midpoint
        0.0001
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Reject anything that is not a positive, finite, ordered pair."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and 0 < self.low < self.high):
            raise ValueError(
                f"Bracket needs finite rates with 0 < low < high but got low={self.low}, "
                f"high={self.high}."
            )

    @property
    def midpoint(self) -> float:
        """The geometric mean, always inside the bracket."""
        middle = math.sqrt(self.low) * math.sqrt(self.high)
        return self.clamp(float(f"{middle:.15g}"))

    @property
    def log_width(self) -> float:
        """Width in decades: 4.0 for 1e-6 to 1e-2."""
        return math.log10(self.high) - math.log10(self.low)

    def __contains__(self, rate: float) -> bool:
        """Whether the rate lies in the closed interval."""
        return self.low <= rate <= self.high

    def clamp(self, rate: float) -> float:
        """Move a rate to the nearest one inside the bracket.

        ``exp((log a + log b) / 2)`` can leave an interval by a rounding error, which Optuna
        refuses, so every computed rate goes through here.

        Args:
            rate: Any rate.

        Returns:
            The rate itself where it lies inside, else the nearer bound, as a Python float.
        """
        return float(min(max(rate, self.low), self.high))

    def split(self, k: int) -> tuple[float, ...]:
        """Cut the bracket into ``k + 1`` equal parts on a log scale.

        One worker bisects (``k = 1``); k workers ask k questions at once and narrow the bracket
        by the factor ``k + 1`` per round.

        Args:
            k: Number of interior rates, at least 1.

        Returns:
            The k rates, ascending, strictly between the bounds wherever floats allow.

        Raises:
            ValueError: If ``k < 1``.
        """
        if k < 1:
            raise ValueError(f"split needs at least one interior rate but got k={k}.")
        low, span = math.log(self.low), math.log(self.high) - math.log(self.low)
        return tuple(self.clamp(math.exp(low + span * i / (k + 1))) for i in range(1, k + 1))

    def narrow(self, low: float | None = None, high: float | None = None) -> Bracket:
        """Move one or both bounds inwards; a bound that would widen the bracket is ignored.

        Args:
            low: A rate that turned out to undershoot.
            high: A rate that turned out to overshoot.

        Returns:
            The narrower bracket.

        Raises:
            ValueError: If the two bounds cross: the evidence contradicts itself.
        """
        new_low = self.low if low is None else max(self.low, low)
        new_high = self.high if high is None else min(self.high, high)
        return Bracket(new_low, new_high)
