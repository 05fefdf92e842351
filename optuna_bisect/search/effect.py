"""Whether the probes differ by their rates, or the objective does something else."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.verdicts.curve import N_SKIPPED, noise_of
from optuna_bisect.verdicts.shape import starts_untrained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe

# So many probes at different rates, this many grid steps apart, should not all go alike.
LEAST_PROBES = 3
LEAST_WIDTH = 2.0
# Two runs go alike within so many standard errors of their mean difference.
ALIKE = 3.0
# What floating point may add.
TINY = 1e-9
# A run starts where the one before it ended: nearer than this share of the way that one went.
NEAR_SHARE = 0.25
# Its start and its end lie apart by so many standard deviations of its noise, or tell nothing.
FAR = 8.0


def has_no_effect(evidence: Evidence) -> bool:
    """Tell whether all probes went alike at rates that are far apart.

    Equal within their noise where one of them has made progress; else they must be the same, as
    rates that are all too low differ by little.
    """
    probes, grid = evidence.probes, evidence.grid
    positions = [grid.position(p.rate) for p in probes]
    if len(set(positions)) < LEAST_PROBES or max(positions) - min(positions) < LEAST_WIDTH:
        return False
    best = evidence.incumbent
    is_strict = best is None
    return all(_went_alike(p, best or probes[0], is_strict=is_strict) for p in probes)


def _went_alike(probe: Probe, best: Probe, *, is_strict: bool) -> bool:
    if not probe.is_finite or (probe.value is None) != (best.value is None):
        return False
    if probe.value is not None and best.value is not None:
        return math.isclose(probe.value, best.value, rel_tol=TINY)
    own = probe.curve.until(best.curve.horizon - 1)
    if not len(own) or own.steps[0] < best.curve.steps[0]:
        return False
    differences = np.asarray(own.losses) - np.interp(
        own.steps, best.curve.steps, best.curve.losses
    )
    if np.max(np.abs(differences)) <= TINY * np.max(np.abs(best.curve.losses)):
        return True
    rest = differences[N_SKIPPED:]
    if is_strict or len(rest) <= N_SKIPPED:
        return False
    return abs(float(np.mean(rest))) <= ALIKE * noise_of(rest.tolist()) / math.sqrt(len(rest))


def carried_over(probes: Sequence[Probe]) -> tuple[float, ...]:
    """Return the first losses of probes that go on from each other, nothing where they do not.

    One model that is trained on from trial to trial starts each run where the last one ended; once
    broken, it is so before the first update. ``probes`` are in the order of their trials.
    """
    begun = [p for p in probes if len(p.curve)]
    firsts = tuple(p.curve.losses[0] for p in begun)
    is_known = any(starts_untrained(p.curve) for p in begun)
    broken = [p for p in begun if not math.isfinite(p.curve.losses[0]) and not p.curve.steps[0]]
    if is_known and 1 < len(broken) < len(begun):
        return firsts
    start = None
    for before, after in pairwise(begun):
        # A run with one report shows no way that it went.
        if not _has_moved(before):
            continue
        if not _goes_on(before, after):
            return ()
        start = start or before
    if start is None:
        return ()
    middle = (start.curve.losses[0] + start.curve.losses[-1]) / 2
    rest = begun[begun.index(start) + 1 :]
    # Built anew: it is back between untrained loss and middle after a run that ended below.
    # Where the first report follows an update, a model starts lower the higher its rate.
    if any(
        middle <= after.curve.losses[0] <= start.curve.losses[0]
        and before.curve.losses[-1] < middle
        for before, after in pairwise(rest)
    ):
        return ()
    return firsts if sum(p.curve.losses[0] < middle for p in rest) >= LEAST_PROBES - 1 else ()


def _has_moved(probe: Probe) -> bool:
    losses = probe.curve.losses
    if len(losses) < 2 or not probe.curve.is_finite:
        return False
    way, noise = abs(losses[0] - losses[-1]), noise_of(losses[1:])
    return way > max(FAR * noise, TINY * abs(losses[0]))


def _goes_on(before: Probe, after: Probe) -> bool:
    first, last = before.curve.losses[0], before.curve.losses[-1]
    error = ALIKE * noise_of(before.curve.losses[1:])
    return abs(after.curve.losses[0] - last) < NEAR_SHARE * abs(first - last) + error
