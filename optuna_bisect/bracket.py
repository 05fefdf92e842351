"""The interval of learning rates that still holds the best one, in log space."""

from __future__ import annotations

import math
from dataclasses import dataclass

from optuna_bisect._checks import check_number, check_positive, number_of, optional, wrong

# More rates than any fleet of workers asks for at once.
_MOST_RATES = 10**6


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
        """Reject anything that is not a positive, finite, ordered pair; keep plain floats."""
        low, high = check_positive("low", self.low), check_positive("high", self.high)
        if low >= high:
            raise ValueError(f"Bracket needs low < high but got low={low}, high={high}.")
        vars(self).update(low=low, high=high)

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
        number = number_of(rate)
        if number is None:
            raise wrong("a rate", "be a number", rate)
        return self.low <= number <= self.high

    def clamp(self, rate: float) -> float:
        """Move a rate to the nearest one inside the bracket.

        ``exp((log a + log b) / 2)`` can leave an interval by a rounding error, which Optuna
        refuses, so every computed rate goes through here.

        Args:
            rate: Any rate.

        Returns:
            The rate itself where it lies inside, else the nearer bound, as a Python float.

        Raises:
            ValueError: If it is no number.
        """
        return min(max(check_number("rate", rate), self.low), self.high)

    def split(self, k: int) -> tuple[float, ...]:
        """Cut the bracket into ``k + 1`` equal parts on a log scale.

        One worker bisects (``k = 1``); k workers ask k questions at once and narrow the bracket
        by the factor ``k + 1`` per round.

        Args:
            k: Number of interior rates, at least 1.

        Returns:
            The k rates, ascending, strictly between the bounds wherever floats allow.

        Raises:
            ValueError: If ``k`` is no whole number of at least 1.
        """
        n = check_positive("k", k, whole=True)
        if n > _MOST_RATES:
            raise wrong("k", f"be at most {_MOST_RATES}", k)
        low, span = math.log(self.low), math.log(self.high) - math.log(self.low)
        return tuple(self.clamp(math.exp(low + span * i / (n + 1))) for i in range(1, n + 1))

    def narrow(self, low: float | None = None, high: float | None = None) -> Bracket:
        """Move one or both bounds inwards; a bound that would widen the bracket is ignored.

        Args:
            low: A rate that turned out to undershoot.
            high: A rate that turned out to overshoot.

        Returns:
            The narrower bracket.

        Raises:
            ValueError: If one is no number, or the two cross: the evidence contradicts itself.
        """
        new_low = optional(check_number, "low", low)
        new_high = optional(check_number, "high", high)
        return Bracket(
            self.low if new_low is None else max(self.low, new_low),
            self.high if new_high is None else min(self.high, new_high),
        )
