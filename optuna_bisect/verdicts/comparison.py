"""Which of two full runs ends lower, as far as the noise of their reports lets one see."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optuna_bisect.verdicts.curve import N_AVERAGED, N_SKIPPED, noise_of

if TYPE_CHECKING:
    from optuna_bisect.verdicts.curve import Curve

# Runs that end within this share of the better one's progress are equally good.
SAME_END = 0.01
# Two runs tie when their ends differ by less than this many standard errors of their difference.
TIE_MARGIN = 0.5
# At most this share of the reports is averaged: the rest belongs to the descent.
MAX_SHARE = 0.5


class Gap(NamedTuple):
    """How far apart two runs end.

    Attributes:
        difference: Loss of the one minus loss of the other, below zero where the one is better.
        error: Standard error of that difference.
    """

    difference: float
    error: float

    @property
    def is_tie(self) -> bool:
        """Whether the one ends as low as the other, as far as noise lets one see."""
        return self.difference <= TIE_MARGIN * self.error


def gap_between(curve: Curve, best: Curve, initial: float | None) -> Gap:
    """Compare the ends of two runs.

    The last reports say most about a longer run, but a single one may be as noisy as the runs
    differ. So as many are averaged as it takes to see ``SAME_END`` of the progress: one where
    reports are quiet. The noise is that of the difference at equal steps: what both share, such
    as hard batches in runs with one seed, cancels out.

    Args:
        curve: A finite curve.
        best: Another one, interpolated where the steps differ.
        initial: The loss before training, None if unknown: the other's first report.

    Returns:
        The gap.
    """
    difference = np.asarray(curve.losses) - np.interp(curve.steps, best.steps, best.losses)
    noise = noise_of(difference[N_SKIPPED:].tolist())
    start = best.losses[0] if initial is None else initial
    aim = SAME_END * (start - float(np.mean(best.losses[-N_AVERAGED:])))
    n_most = max(1, int(MAX_SHARE * (len(difference) - N_SKIPPED)))
    n = math.ceil((noise / aim) ** 2) if noise < aim * math.sqrt(n_most) else n_most
    n = max(1, n)
    return Gap(float(np.mean(difference[-n:])), noise / math.sqrt(n))
