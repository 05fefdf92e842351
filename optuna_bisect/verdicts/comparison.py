"""Two runs beside each other: which one is behind at equal steps, and which one ends lower."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optuna_bisect.verdicts.curve import N_AVERAGED, N_SKIPPED, noise_of

if TYPE_CHECKING:
    from optuna_bisect.verdicts.curve import Curve

# A run is behind when it made less than this share of the incumbent's progress at equal steps at
# the beginning of a probe; the share rises to 1 at its end, where no time is left to catch up.
PROGRESS_RATIO = 0.75
# ... and when it is behind by this many standard errors of the incumbent's noise besides.
CUT_MARGIN = 0.5
# Two runs rise alike when their levels differ by at most this share of the rise.
ALIKE = 0.1
# Runs that end within this share of the better one's progress are equally good.
SAME_END = 0.01
# Two runs tie when their ends differ by less than this many standard errors of their difference.
TIE_MARGIN = 0.5
# At most this share of the reports is averaged: the rest belongs to the descent.
MAX_SHARE = 0.5

# For speed only: as a study grows, its finished runs are compared again and again.
_remembered = functools.lru_cache(maxsize=4096)


def recent_levels(curve: Curve, other: Curve) -> tuple[float, float] | None:
    """Return the means of two runs' last reports at equal steps; None where there are too few."""
    if len(curve) <= N_SKIPPED or len(other) <= N_SKIPPED:
        return None
    recent = slice(max(N_SKIPPED, len(curve) - N_AVERAGED), None)
    same_steps = np.interp(curve.steps[recent], other.steps, other.losses)
    return float(np.mean(curve.losses[recent])), float(np.mean(same_steps))


def least_share(curve: Curve, horizon: float) -> float:
    """Return the share of the incumbent's progress to keep up with; 1 at ``horizon`` steps."""
    return PROGRESS_RATIO + (1 - PROGRESS_RATIO) * min(1.0, curve.horizon / horizon)


def is_behind(
    curve: Curve, initial: float, incumbent: Curve, horizon: float | None = None
) -> float | None:
    """Return the share of the incumbent's progress that a run made; None where the run keeps up.

    With the progress p of the run, p* of the incumbent, ``least_share`` r and the standard error e
    of the incumbent's noise, a run is behind when ``p + CUT_MARGIN * e < r * p*``. Here p* is what
    the incumbent holds: its level at the same steps or at its own end, whichever is worse. A
    ``horizon`` of None is the incumbent's.
    """
    levels = recent_levels(curve, incumbent)
    if levels is None:
        return None
    own, level = initial - levels[0], levels[1]
    other = initial - max(level, incumbent.end)
    ratio = least_share(curve, horizon or incumbent.horizon)
    error = noise_of(incumbent.losses[N_SKIPPED:]) * math.sqrt((1 + ratio**2) / N_AVERAGED)
    if own + CUT_MARGIN * error >= ratio * other:
        return None
    return own / other if other > 0 else 0.0


def leads(curve: Curve, best: Curve, initial: float = 0.0, lead: float = 1.0) -> bool:
    """Tell whether a run made more than ``lead`` times the progress of the best at equal steps."""
    levels = recent_levels(curve, best)
    if levels is None:
        return False
    own, other = levels
    # Without a margin the initial loss, which may be unknown, cancels out.
    return own < other if lead == 1.0 else initial - own > lead * (initial - other)


@_remembered
def rises_alike(curve: Curve, other: Curve, initial: float) -> bool:
    """Tell whether two finite curves rise so much alike that their rates cannot be the reason.

    Runs with one seed meet the same hard batches. Divergence grows with the rate; a rise that
    comes from the data is the same at every rate that is too low to learn.
    """
    own = curve.until(other.steps[-1])
    if len(own) <= N_SKIPPED:
        return False
    same_steps = np.interp(own.steps[-N_AVERAGED:], other.steps, other.losses)
    return abs(own.end - float(np.mean(same_steps))) <= ALIKE * abs(own.end - initial)


class Gap(NamedTuple):
    """By how much one run ends above another one, with the standard error of that difference.

    ``n`` is the number of last reports that were averaged.
    """

    difference: float
    error: float
    n: int = 1

    @property
    def is_tie(self) -> bool:
        """Whether the one run ends as low as the other, as far as noise lets one see."""
        return self.difference <= TIE_MARGIN * self.error


@_remembered
def gap_between(curve: Curve, best: Curve, initial: float | None) -> Gap:
    """Compare the ends of two finite curves; ``best`` is interpolated where the steps differ.

    The last reports say most about a longer run, but a single one may be as noisy as the runs
    differ. So as many are averaged as it takes to see ``SAME_END`` of the progress: one where
    reports are quiet. The noise is that of the difference at equal steps, where what both runs
    share, such as hard batches, cancels out. An ``initial`` of None is taken from the first report
    of ``best``.
    """
    difference = np.asarray(curve.losses) - np.interp(curve.steps, best.steps, best.losses)
    noise = noise_of(difference[N_SKIPPED:].tolist())
    start = best.losses[0] if initial is None else initial
    aim = SAME_END * (start - best.end)
    n_most = max(1, int(MAX_SHARE * (len(difference) - N_SKIPPED)))
    n = max(1, math.ceil((noise / aim) ** 2)) if noise < aim * math.sqrt(n_most) else n_most
    return Gap(float(np.mean(difference[-n:])), noise / math.sqrt(n), n)
