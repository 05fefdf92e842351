"""A verdict: what a run says about its learning rate, how sure that is, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from optuna_bisect._checks import check_choice, check_inside, check_name

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
        ValueError: On an unknown name, a confidence outside (0.5, 1] or an empty reason.
    """

    name: VerdictName
    confidence: float
    reason: str

    def __post_init__(self) -> None:
        """Reject an unknown name, an impossible confidence and a missing reason."""
        vars(self).update(
            name=check_choice("name", self.name, VERDICT_NAMES),
            confidence=check_inside("confidence", self.confidence, 0.5, 1, closed=True),
            reason=check_name("reason", self.reason),
        )


def side_of(rate: float, best_rate: float) -> tuple[VerdictName, str]:
    """Name the verdict on a rate that lost to the best one, and on which side of that it lies."""
    if rate > best_rate:
        return "overshoot", "above"
    return "undershoot", "below"
