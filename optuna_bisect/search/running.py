"""What probes that run at the same time tell each other, before any of them has ended."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.search.assessment import arrange
from optuna_bisect.search.probe import initial_loss
from optuna_bisect.verdicts import confidence, reasons
from optuna_bisect.verdicts.comparison import is_behind, leads
from optuna_bisect.verdicts.curve import N_AVERAGED, N_SKIPPED
from optuna_bisect.verdicts.shape import is_flat
from optuna_bisect.verdicts.verdict import Verdict, side_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe

# Questions that others cannot answer: a rate that a user chose, and one that is asked again.
_OPEN_QUESTIONS = (None, "recheck")


def led_by_running(evidence: Evidence, running: Sequence[Probe], *, lead: float = 1.0) -> Evidence:
    """Let the probe that leads at equal steps be the incumbent, also while it still runs.

    Args:
        evidence: What the finished probes say.
        running: The probes that still run.
        lead: A running probe leads where it made more than this many times the progress that the
            incumbent had made by then.

    Returns:
        The evidence itself where no running probe clearly moves, or none leads; else the same
        with the leader as its incumbent, which may turn out wrong.
    """
    initial = initial_loss([*evidence.probes, *running]) if running else None
    if initial is None:
        return evidence
    # What came to nothing at one rate will not do better at a higher one, however well it begins.
    fallen = [p.rate for p in evidence.probes if p.has_fallen or not p.is_finite]
    edge = min(fallen, default=math.inf)
    best = evidence.incumbent
    leaders = [
        p
        for p in running
        if p.rate < edge
        and _moves(p, initial)
        and (best is None or leads(p.curve, best.curve, initial, lead))
    ]
    if not leaders:
        return evidence
    horizon = min(p.curve.horizon for p in leaders)
    ends = {p.number: p.curve.until(horizon - 1).losses[-N_AVERAGED:] for p in leaders}
    leader = min(leaders, key=lambda p: (float(np.mean(ends[p.number])), p.number))
    led = evidence._replace(incumbent=leader, leader=leader, initial=initial, horizon=horizon)
    return arrange(led)


def founded(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    """Leave out the probes that were cut against a run that came to nothing.

    Args:
        probes: Finished probes.

    Returns:
        Those that were cut by a finished run, by themselves, or by a run that still holds what it
        showed then: its whole curve would cut them again. Of the others the judge is marked.
    """
    if all(p.judge is None for p in probes):
        return tuple(probes)
    by_number, initial = {p.number: p for p in probes}, initial_loss(probes)

    def stands(cut: Probe) -> bool:
        judge = by_number.get(-1 if cut.judge is None else cut.judge)
        return judge is None or _would_cut(judge, cut, initial)

    fallen = {p.judge for p in probes if not stands(p)}
    return tuple(
        replace(p, has_fallen=True) if p.number in fallen else p for p in probes if stands(p)
    )


def _would_cut(judge: Probe, cut: Probe, initial: float | None) -> bool:
    if initial is None or not cut.is_finite:
        return True
    return judge.is_finite and is_behind(cut.curve, initial, judge.curve) is not None


def answer(evidence: Evidence, probe: Probe) -> Verdict | None:
    """Tell whether others have answered the question of a running probe.

    Args:
        evidence: What the finished probes say.
        probe: The probe that runs.

    Returns:
        The verdict, where a finished probe between this one and the incumbent has lost: the
        optimum does not lie beyond it. None where the question is open, or where this probe is
        ahead of the incumbent all the same.
    """
    best = evidence.incumbent
    if best is None or probe.question in _OPEN_QUESTIONS:
        return None
    grid = evidence.grid
    here, there = grid.nearest(probe.rate), grid.nearest(best.rate)
    between = [i for i in evidence.seen if min(here, there) < i < max(here, there)]
    if not between or leads(probe.curve, best.curve):
        return None
    loser = evidence.seen[min(between, key=lambda i: abs(i - there))][0]
    name, where = side_of(probe.rate, best.rate)
    reason = reasons.answered(loser, best.number, where)
    return Verdict(name, confidence.ANSWERED, reason)


def _moves(probe: Probe, initial: float) -> bool:
    curve = probe.curve
    return curve.is_finite and len(curve) > N_SKIPPED and not is_flat(curve, initial)
