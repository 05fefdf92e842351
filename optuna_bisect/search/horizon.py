"""The horizon law: which rate a full run wants, given the best rate of probes a fraction as long.

Short runs prefer higher rates. How much depends on the problem, and the curves of the probes say
something about it; a full run that ends with a decay of the rate wants most of it back. Where the
constants come from, and what they cost where they are wrong, is in studies/LOG.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect._checks import number_of, wrong
from optuna_bisect.verdicts.comparison import recent_levels
from optuna_bisect.verdicts.curve import N_AVERAGED, N_SKIPPED, noise_of

if TYPE_CHECKING:
    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.verdicts.curve import Curve

# The best constant rate falls with the length of the run to this power where the curves show no
# drift: published for language models (Bjorck et al., ICLR 2025, "Scaling Optimal LR Across Token
# Horizons"). 24 recorded tasks of DeepOBS have a median of 0.29 to 0.36, own small networks 0.16,
# CIFAR networks are below 0.
EXPONENT = 0.32
# How much a drift changes the exponent: an upper neighbour that catches up at most halves it, one
# that falls behind adds at most a fifth.
DRIFT_WEIGHT = 4.0
MIN_FACTOR = 0.5
MAX_FACTOR = 1.2
# A neighbour that was cut before this share of the winner's run shows how it begins, no drift.
LEAST_LENGTH = 0.5
# A run that has made less than this share of the winner's progress has not caught on: no drift.
LEAST_SHARE = 0.2
# A drift counts beyond this many standard errors.
DRIFT_MARGIN = 0.5
# A run whose rate decays to (nearly) zero takes back this share of the correction ...
RELIEF = 0.7
# ... nothing where the next higher rate made less than this share of the winner's progress: the
# winner lies at the edge of stability, beyond which a decay comes too late ...
EDGE_SHARE = 0.5
# ... and all of that share where the decay takes this share of the run or more.
FULL_COOL_DOWN = 0.2
# Where nobody said what the full run does, a third of that is taken back: a rate that is too high
# costs more than one that is too low by the same factor.
UNKNOWN_COOL_DOWN = FULL_COOL_DOWN / 3
# Share of the run in which the rate falls to (nearly) zero, by the name of the schedule.
COOL_DOWNS = {"constant": 0.0, "cosine": 1.0, "linear": 1.0, "wsd": 0.2, "decay": 1.0}


def cool_down_of(schedule: str | float) -> float:
    """Return the share of a full run in which its schedule lowers the rate to (nearly) zero.

    Args:
        schedule: ``"constant"``, ``"cosine"``, ``"linear"``, ``"wsd"`` (constant, then a decay
            over the last fifth), ``"decay"`` (any other that ends near zero), or the share
            itself, in [0, 1].

    Returns:
        The share, 0 for a constant rate.

    Raises:
        ValueError: On an unknown name or a share outside [0, 1].
    """
    known = COOL_DOWNS.get(schedule) if isinstance(schedule, str) else number_of(schedule)
    if known is None or not 0 <= known <= 1:
        names = ", ".join(map(repr, COOL_DOWNS))
        share = "the share of the run in which the rate decays, in [0, 1]"
        raise wrong("final_schedule", f"be {names}, {share}, or None", schedule)
    return known


def exponent_of(
    exponent: float, drift: float, cool_down: float | None, *, is_at_edge: bool = False
) -> float:
    """Adapt the exponent of the horizon law to one search and one schedule.

    Args:
        exponent: For a constant rate and curves without a drift, 0 for no correction at all.
        drift: What ``drift_of`` read from the curves.
        cool_down: Share of the full run in which its rate decays, None if unknown.
        is_at_edge: Whether the next higher rate is too high by far.

    Returns:
        The exponent for ``correct``.
    """
    cool_down = UNKNOWN_COOL_DOWN if cool_down is None else cool_down
    factor = min(max(1 - DRIFT_WEIGHT * drift, MIN_FACTOR), MAX_FACTOR)
    relief = 0.0 if is_at_edge else RELIEF * min(1.0, cool_down / FULL_COOL_DOWN)
    return exponent * factor * (1 - relief)


def exponent_for(evidence: Evidence, exponent: float, cool_down: float | None) -> float:
    """Adapt the exponent to what the probes show, and to the schedule of the full run."""
    return exponent_of(exponent, drift_of(evidence), cool_down, is_at_edge=is_at_edge(evidence))


def correct(rate: float, horizon: int, final_steps: int | None, exponent: float) -> float:
    """Correct a probe's rate for a longer run: short runs prefer higher rates.

    Args:
        rate: Best rate of the probes.
        horizon: Steps that the winning probe really ran.
        final_steps: Steps of the full run, None if unknown.
        exponent: The power, 0 for no correction.

    Returns:
        ``rate * (horizon / final_steps) ** exponent``; the rate itself where a length is unknown
        or the rate is not positive.
    """
    if final_steps is None or horizon <= 0 or rate <= 0:
        return rate
    return rate * float((horizon / final_steps) ** exponent)


def is_at_edge(evidence: Evidence) -> bool:
    """Tell whether the probe one grid point above the winner broke, or fell far behind it.

    Where a rate three times higher is only somewhat worse, a full run that decays can use it;
    where it is ruinous, the winner itself is hardly stable for long.
    """
    best, initial = evidence.incumbent, evidence.initial
    if best is None or initial is None:
        return False
    for probe in evidence.seen.get(evidence.grid.nearest(best.rate) + 1, ()):
        levels = recent_levels(probe.curve, best.curve) if probe.is_finite else (math.inf, 0.0)
        if levels is not None and initial - levels[0] < EDGE_SHARE * (initial - levels[1]):
            return True
    return False


def drift_of(evidence: Evidence) -> float:
    """Read from the curves which way the best rate moves as runs get longer.

    Longer runs prefer lower rates because higher ones fall behind with time. Where the probe one
    grid point above the winner does so while the probes run, a longer run wants a rate that is
    lower still; where it catches up (deep networks whose high rates begin slowly), about half
    of the correction.

    Args:
        evidence: What all probes say together.

    Returns:
        Change of the upper neighbour's progress, relative to the winner's, as the run gets longer
        by a factor e: above 0 where it catches up. 0.0 where nothing can be read.
    """
    best, initial = evidence.incumbent, evidence.initial
    if best is None or initial is None:
        return 0.0
    above = evidence.seen.get(evidence.grid.nearest(best.rate) + 1, ())
    curves = [probe.curve for probe in above if probe.is_finite]
    return _drift(max(curves, key=len, default=None), best.curve, initial)


def _drift(curve: Curve | None, best: Curve, initial: float) -> float:
    common = curve.until(best.steps[-1]) if curve is not None and len(best) else None
    if common is None or len(common) <= N_SKIPPED or common.horizon < LEAST_LENGTH * best.horizon:
        return 0.0
    end = len(common) - 1
    half = int(np.argmin(np.abs(np.asarray(common.steps[1:end]) - common.steps[end] / 2))) + 1
    n_averaged = max(1, min(N_AVERAGED, end // 4))
    early = _share(common, best, initial, half, n_averaged)
    late = _share(common, best, initial, end, n_averaged)
    if not early >= LEAST_SHARE:
        return 0.0
    growth = math.log((common.steps[end] + 1) / (common.steps[half] + 1))
    progress = initial - best.end
    error = noise_of(best.losses[N_SKIPPED:]) * math.sqrt(2 / n_averaged) / progress
    change = late - early
    return math.copysign(max(0.0, abs(change) - DRIFT_MARGIN * error), change) / growth


def _share(curve: Curve, best: Curve, initial: float, last: int, n_averaged: int) -> float:
    """Return the progress relative to the best run's at equal steps, up to a report."""
    recent = slice(max(1, last - n_averaged + 1), last + 1)
    own = initial - float(np.mean(curve.losses[recent]))
    level = np.interp(curve.steps[recent], best.steps, best.losses)
    other = initial - float(np.mean(level))
    return own / other if other > 0 else 0.0
