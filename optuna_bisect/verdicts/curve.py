"""Loss curves and what can be measured on them, on scales that the curves themselves give.

Losses are always to be minimised (callers flip signs), and every threshold is a ratio of progress
or a multiple of the curve's own noise, so that losses times c, or plus c, measure the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# A run is behind when it made less than this share of the incumbent's progress at equal steps at
# the beginning of a probe; the share rises to 1 at its end, where no time is left to catch up.
PROGRESS_RATIO = 0.75
# The last reports are averaged; the first two are left out: initial loss and transient.
N_AVERAGED = 3
N_SKIPPED = 2
# ... and when it is behind by this many standard errors of the incumbent's noise besides.
CUT_MARGIN = 0.5
# Two runs rise alike when their levels differ by at most this share of the rise.
ALIKE = 0.1
# A change of level counts when it exceeds this many standard errors of the curve's own noise.
SIGNIFICANCE = 2.0


@dataclass(frozen=True)
class Curve:
    """A loss curve as it was reported.

    Args:
        steps: Ascending step numbers, shape (n,).
        losses: Losses at these steps, lower is better, shape (n,). May be not finite.
    """

    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()

    def __len__(self) -> int:
        """Return the number of reports."""
        return len(self.steps)

    @cached_property
    def is_finite(self) -> bool:
        """Whether every reported loss is finite."""
        return all(math.isfinite(loss) for loss in self.losses)

    @property
    def horizon(self) -> int:
        """Length of the run in steps: the last step plus one; 0 without reports."""
        return self.steps[-1] + 1 if self.steps else 0

    def until(self, step: int) -> Curve:
        """Return the part up to and including a step."""
        n = sum(s <= step for s in self.steps)
        return Curve(self.steps[:n], self.losses[:n])


def noise_of(losses: Sequence[float]) -> float:
    """Estimate the standard deviation of the noise on a curve.

    Second differences cancel any straight trend; of white noise with deviation s they have the
    variance 6 s^2 (Gasser, Sroka and Jennen-Steinmetz 1986, equation 2.5, on an even grid). Their
    median is used because one spike would spoil a mean.

    Args:
        losses: Finite losses, shape (n,).

    Returns:
        The estimate in units of the loss; from the one first difference where there are two
        losses, 0.0 for fewer.
    """
    if len(losses) < 3:
        return float(np.ptp(losses)) / (0.6745 * math.sqrt(2)) if len(losses) else 0.0
    second = np.abs(np.diff(np.asarray(losses, dtype=float), n=2))
    return float(np.median(second)) / (0.6745 * math.sqrt(6))


def least_share(curve: Curve, horizon: float) -> float:
    """Return the share of the incumbent's progress below which a run is behind.

    Args:
        curve: The run's reports so far.
        horizon: Length of a probe in steps, infinite where the run is none.

    Returns:
        ``PROGRESS_RATIO`` at the beginning of the probe, 1 at its end, in proportion between.
    """
    return PROGRESS_RATIO + (1 - PROGRESS_RATIO) * min(1.0, curve.horizon / horizon)


def is_behind(
    curve: Curve, initial: float, incumbent: Curve, horizon: float | None = None
) -> float | None:
    """Compare the progress of a run with the incumbent's at equal steps.

    Args:
        curve: The run's reports so far, finite.
        initial: The loss before training, which both share.
        incumbent: The incumbent's reports, interpolated where the steps differ.
        horizon: Length of a probe in steps, infinite where the run is none. None: that of the
            incumbent's run.

    Returns:
        The share of the incumbent's progress that the run made, where that is below
        ``least_share``; None where the run keeps up or where it is too early to say.
    """
    if len(curve) <= N_SKIPPED or len(incumbent) <= N_SKIPPED:
        return None
    recent = slice(max(N_SKIPPED, len(curve) - N_AVERAGED), None)
    own = initial - float(np.mean(curve.losses[recent]))
    level = float(np.mean(np.interp(curve.steps[recent], incumbent.steps, incumbent.losses)))
    # What the incumbent won early and lost again is not held against a steadier run.
    other = initial - max(level, float(np.mean(incumbent.losses[-N_AVERAGED:])))
    ratio = least_share(curve, horizon or incumbent.horizon)
    error = noise_of(incumbent.losses[N_SKIPPED:]) * math.sqrt((1 + ratio**2) / N_AVERAGED)
    if own + CUT_MARGIN * error >= ratio * other:
        return None
    return own / other if other > 0 else 0.0


def progress_of(curve: Curve, initial: float) -> float:
    """Measure progress in standard errors of the curve's own noise.

    Args:
        curve: A finite curve.
        initial: The loss before training.

    Returns:
        Initial loss minus the median of the last reports, so that one spike does not count, over
        the standard error of that difference; positive where the loss came down.
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
    # Of three or four reports the noise is hardly known: 1 + 2/n is about Student's correction.
    correction = 1 + 2 / max(1, len(curve) - 3)
    if progress_of(curve, initial) < -2 * SIGNIFICANCE * correction:
        return True
    if len(curve) < 4 or curve.losses[-1] <= initial:
        return False
    moves = np.diff(curve.losses)
    climbs = 0 < moves[-3] < moves[-2] < moves[-1]
    return bool(climbs and moves[-1] > np.max(np.abs(moves[:-1])))


def rises_alike(curve: Curve, other: Curve, initial: float) -> bool:
    """Tell whether two runs rise so much alike that the rise cannot come from their rates.

    Runs with one seed meet the same hard batches. Divergence grows with the rate; the rise of the
    data is the same at every rate that is too low to learn.

    Args:
        curve: A finite curve that stands above the initial loss.
        other: A finite curve at a clearly different rate.
        initial: The loss before training.

    Returns:
        Whether the last levels at equal steps differ by at most ``ALIKE`` of the rise.
    """
    own = curve.until(other.steps[-1])
    if len(own) <= N_SKIPPED:
        return False
    level = float(np.mean(own.losses[-N_AVERAGED:]))
    same_steps = np.interp(own.steps[-N_AVERAGED:], other.steps, other.losses)
    return abs(level - float(np.mean(same_steps))) <= ALIKE * abs(level - initial)


def has_jumped(curve: Curve, initial: float) -> bool:
    """Tell whether a flat curve left its level on the way: a collapse, not a slow start."""
    jump = max(abs(loss - initial) for loss in curve.losses)
    return jump > 5 * SIGNIFICANCE * noise_of(curve.losses)


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
    """Measure how unevenly a curve departs from the initial loss.

    Args:
        curve: A finite curve.
        initial: The loss before training.

    Returns:
        Largest over median departure of the reports after the first: near 1 where all are moved
        alike, as by hard batches; huge where the loss explodes. 1.0 where nothing moved.
    """
    departures = [abs(loss - initial) for loss in curve.losses[1:]]
    largest = max(departures, default=0.0)
    middle = float(np.median(departures)) if departures else 0.0
    if largest == 0:
        return 1.0
    return largest / middle if middle > 0 else math.inf


def late_share_of(curve: Curve, initial: float) -> float:
    """Measure which share of its progress a run made in its second half.

    Args:
        curve: A finite curve.
        initial: The loss before training.

    Returns:
        0.5 for a straight descent, near 0 for one that has flattened; 0.0 where there are too few
        reports to tell, or no progress.
    """
    if len(curve) < 2 * N_AVERAGED:
        return 0.0
    middle = int(np.argmin(np.abs(np.asarray(curve.steps) - curve.steps[-1] / 2)))
    half = float(np.median(curve.losses[middle - N_AVERAGED // 2 :][:N_AVERAGED]))
    end = float(np.median(curve.losses[-N_AVERAGED:]))
    return (half - end) / (initial - end) if initial > end else 0.0
