"""What one loss curve shows by itself, on scales that the curve itself gives.

Every threshold is a ratio of progress or a multiple of the curve's own noise, so that losses times
c, or plus c, show the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.verdicts.curve import N_AVERAGED, N_SKIPPED, noise_of

if TYPE_CHECKING:
    from optuna_bisect.verdicts.curve import Curve

# A change of level counts when it exceeds this many standard errors of the curve's own noise.
SIGNIFICANCE = 2.0
# Of so few reports nobody knows the noise, nor whether a run has moved: runs are compared instead.
FEW_REPORTS = 3
# A run has turned round where it has been rising for this share of its length ...
RISING_SHARE = 1 / 3
# ... and has lost this share of the progress that it had made.
LOST_SHARE = 0.2

# Where an easy first batch puts all others above it, the lowest is more than this share of the
# highest ...
SAME_LEVEL = 0.5
# ... and less than this one: what is more alike than batches are has burst.
ONE_BLOW = 0.8


def progress_of(curve: Curve, initial: float) -> float:
    """Return the progress of a finite curve in standard errors of its own noise.

    Progress is the initial loss minus the median of the last reports, so that one spike does not
    count; positive where the loss came down.
    """
    recent = curve.losses[max(min(N_SKIPPED, len(curve) - 1), len(curve) - N_AVERAGED) :]
    gained = initial - float(np.median(recent))
    # The drop from the initial loss is the steepest part of most curves, and no noise.
    later = list(curve.losses[1:])
    noise = noise_of(later)
    if gained > 0 and len(later) > N_SKIPPED:
        # Nor is one spike from which the run has recovered.
        later.remove(max(later))
        noise = min(noise, noise_of(later))
    error = noise * math.sqrt(1 + 1 / len(recent))
    # What floating point cannot resolve is no progress.
    error = max(error, 1e-9 * max(abs(initial), abs(gained)))
    return gained / error if error > 0 else 0.0


def is_flat(curve: Curve, initial: float) -> bool:
    """Tell whether a finite curve shows no progress beyond its own noise."""
    return progress_of(curve, initial) < SIGNIFICANCE


def is_above(curve: Curve, initial: float) -> bool:
    """Tell whether a finite curve stands above the initial loss, or climbs away from it.

    A spike alone is neither: 10 % of healthy runs spike above three times the initial loss and
    recover. Four reports that climb ever faster, the last one further than the curve ever moved
    before, are a divergence whose own curvature would pass for noise.
    """
    if len(curve) <= FEW_REPORTS:
        return False
    # Of four or five reports the noise is hardly known: 1 + 2/n is about Student's correction.
    correction = 1 + 2 / max(1, len(curve) - 3)
    if progress_of(curve, initial) < -2 * SIGNIFICANCE * correction:
        return True
    if curve.losses[-1] <= initial:
        return False
    moves = np.diff(curve.losses)
    climbs = 0 < moves[-3] < moves[-2] < moves[-1]
    return bool(climbs and moves[-1] > np.max(np.abs(moves[:-1])))


def has_turned(curve: Curve, initial: float) -> bool:
    """Tell whether a finite curve came down, and has been rising since for a third of its length.

    On recorded runs this happened only above the best rate (14 of 14; studies/LOG.md).
    """
    if len(curve) < 2 * N_AVERAGED:
        return False
    losses = np.asarray(curve.losses)
    # Medians of three, so that the lowest of them is no single lucky report.
    levels = np.median(np.lib.stride_tricks.sliding_window_view(losses, N_AVERAGED), axis=1)
    lowest = int(np.argmin(levels))
    rise = float(np.mean(losses[-N_AVERAGED:])) - float(levels[lowest])
    return (
        curve.steps[lowest + N_AVERAGED // 2] <= (1 - RISING_SHARE) * curve.steps[-1]
        and rise > LOST_SHARE * (initial - float(levels[lowest]))
        and rise > SIGNIFICANCE * noise_of(curve.losses[N_SKIPPED:])
    )


def has_jumped(curve: Curve, initial: float) -> bool:
    """Tell whether a flat curve left its level on the way: a collapse, not a slow start."""
    jump = max(abs(loss - initial) for loss in curve.losses)
    return jump > 5 * SIGNIFICANCE * noise_of(curve.losses)


def has_risen(curve: Curve, initial: float) -> bool:
    """Tell whether all reports after the first stand above the initial loss, by unlike amounts.

    Or all by the same: then the loss has left its level at one blow. An easy first batch also
    puts the others above it, by about one amount with noise. Of recorded runs without progress
    these two were more often above the best rate than below (studies/LOG.md).
    """
    departures = [loss - initial for loss in curve.losses[1:]]
    if len(departures) < 2 or min(departures) <= 0:
        return False
    return not SAME_LEVEL < min(departures) / max(departures) < ONE_BLOW


def is_leaving(curve: Curve, initial: float) -> bool:
    """Tell whether the last report leaves a plateau downwards: too early to call it flat."""
    error = math.sqrt(2) * noise_of(curve.losses[1:-1])
    return initial - curve.losses[-1] > SIGNIFICANCE * error


def starts_untrained(curve: Curve) -> bool:
    """Tell whether the first report is surely the loss before training.

    Step 0 is the loss of the untrained network where steps count batches and reports skip some.
    With a report at every step it may as well follow a whole epoch.
    """
    return len(curve) > 1 and curve.steps[0] == 0 and curve.steps[1] > 1


def unevenness_of(curve: Curve, initial: float) -> float:
    """Return the largest over the median departure from the initial loss, after the first report.

    Near 1 where all reports are moved alike, as by hard batches; huge where the loss explodes; 1.0
    where nothing moved.
    """
    departures = [abs(loss - initial) for loss in curve.losses[1:]]
    largest = max(departures, default=0.0)
    if largest == 0:
        return 1.0
    middle = float(np.median(departures))
    return largest / middle if middle > 0 else math.inf


def late_share_of(curve: Curve, initial: float) -> float:
    """Return the share of its progress that a finite curve made in its second half.

    0.5 for a straight descent, near 0 for one that has flattened; 0.0 where there are too few
    reports to tell, or no progress.
    """
    if len(curve) < 2 * N_AVERAGED:
        return 0.0
    middle = int(np.argmin(np.abs(np.asarray(curve.steps) - curve.steps[-1] / 2)))
    half = float(np.median(curve.losses[middle - N_AVERAGED // 2 :][:N_AVERAGED]))
    end = float(np.median(curve.losses[-N_AVERAGED:]))
    return (half - end) / (initial - end) if initial > end else 0.0
