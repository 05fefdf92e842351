"""A probe as the search sees it, and the loss before training that all probes share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.verdicts.curve import Curve, Run
from optuna_bisect.verdicts.shape import starts_untrained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Sign = Callable[[Curve, float], bool]


@dataclass(frozen=True)
class Probe(Run):
    """One short run of the search, or any other trial that it can learn from; lower is better.

    Args:
        value: What it returned, where probes are compared by that and not by their reports.
        is_full: Whether it ran its whole length instead of being cut.
        is_short: Whether its objective ended it long before the length of a probe.
        is_broken: Whether it ended in an exception or died.
        question: Why it was proposed, None if a user chose the rate.
        judge: Number of the trial, still running at that moment, that it was cut against.
        has_fallen: Whether others were cut against it before it came to nothing itself.
        search: Number of the trial that began the search that it belongs to; None: of none.
        others: Values of the parameters that are not the rate.
        signs: Answers of ``shows``, kept for speed only.
    """

    value: float | None = None
    is_full: bool = True
    is_short: bool = False
    is_broken: bool = False
    question: str | None = None
    judge: int | None = None
    has_fallen: bool = False
    search: int | None = None
    others: Mapping[str, Any] = field(default_factory=dict, compare=False)
    signs: dict[Sign, tuple[float, bool]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def is_finite(self) -> bool:
        """Whether nothing that it reported or returned is infinite or NaN."""
        return self.curve.is_finite and (self.value is None or math.isfinite(self.value))

    @property
    def has_score(self) -> bool:
        """Whether there is a number to compare it by."""
        return self.value is not None or len(self.curve) > 0

    def compared(self, horizon: int) -> Curve:
        """Return the curve up to a horizon in steps, its first report at least."""
        return self.curve.until(max(horizon - 1, self.curve.steps[0]))

    def shows(self, sign: Sign, initial: float | None) -> bool:
        """Tell whether the curve shows a sign like ``is_flat``, which needs the initial loss."""
        if initial is None or len(self.curve) < 2 or not self.curve.is_finite:
            return False
        known = self.signs.get(sign)
        if known is None or known[0] != initial:
            known = self.signs[sign] = (initial, sign(self.curve, initial))
        return known[1]


def initial_loss(probes: Sequence[Probe]) -> float | None:
    """Infer the loss before training, which all probes share; None where it cannot be known.

    The slowest run has moved least, so its first report is the nearest thing where nothing was
    reported before the first update. One run's own first report alone says nothing: after an epoch
    at a good rate it may lie near the end of the descent.
    """
    begun = [p for p in probes if len(p.curve) and math.isfinite(p.curve.losses[0])]
    untrained = [p.curve.losses[0] for p in begun if starts_untrained(p.curve)]
    if untrained:
        return float(np.median(untrained))
    if len({p.rate for p in begun}) < 2:
        return None
    return min(begun, key=lambda p: p.rate).curve.losses[0]
