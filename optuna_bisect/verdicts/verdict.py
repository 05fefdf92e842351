"""A verdict: what a run says about its learning rate, how sure that is, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VerdictName = Literal["overshoot", "undershoot", "balanced"]
VERDICT_NAMES: tuple[VerdictName, ...] = ("overshoot", "undershoot", "balanced")


@dataclass(frozen=True)
class Verdict:
    """What a run says about its rate, how sure that is, and why.

    Args:
        name: ``"overshoot"``: the best rate lies below. ``"undershoot"``: it lies above.
            ``"balanced"``: it lies here.
        confidence: Estimated probability that the name is right, in (0.5, 1].
        reason: One sentence for people.

    Raises:
        ValueError: On an unknown name or a confidence outside (0.5, 1].
    """

    name: VerdictName
    confidence: float
    reason: str

    def __post_init__(self) -> None:
        """Reject an unknown name and an impossible confidence."""
        if self.name not in VERDICT_NAMES:
            raise ValueError(f"A verdict is one of {VERDICT_NAMES} but got {self.name!r}.")
        if not 0.5 < self.confidence <= 1:
            raise ValueError(f"A confidence lies in (0.5, 1] but got {self.confidence}.")


def side_of(rate: float, best_rate: float) -> tuple[VerdictName, str]:
    """Name the verdict on a rate that lost to the best one, and on which side of that it lies."""
    if rate > best_rate:
        return "overshoot", "above"
    return "undershoot", "below"
