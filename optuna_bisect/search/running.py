"""What probes that run at the same time tell each other, before any of them has ended."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from optuna_bisect.search.assessment import arrange
from optuna_bisect.search.probe import initial_loss
from optuna_bisect.verdicts import confidence, reasons
from optuna_bisect.verdicts.comparison import is_behind, leads
from optuna_bisect.verdicts.curve import N_SKIPPED
from optuna_bisect.verdicts.shape import is_flat
from optuna_bisect.verdicts.verdict import Verdict, side_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe

# Questions that others cannot answer: a rate that a user chose, and one that is asked again.
_OPEN_QUESTIONS = (None, "recheck", "higher")


def led_by_running(evidence: Evidence, running: Sequence[Probe], *, lead: float = 1.0) -> Evidence:
    """Let the probe that leads at equal steps be the incumbent, also while it still runs.

    The evidence itself is returned where no running probe leads: where none made clear progress,
    and more than ``lead`` times what the incumbent had made by then.
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
        if p.rate < edge and len(p.curve) > N_SKIPPED and p.is_finite
        if not is_flat(p.curve, initial)
        if best is None or leads(p.curve, best.curve, initial, lead)
    ]
    if not leaders:
        return evidence
    horizon = min(p.curve.horizon for p in leaders)
    leader = min(leaders, key=lambda p: (p.curve.until(horizon - 1).end, p.number))
    led = evidence._replace(incumbent=leader, leader=leader, initial=initial, horizon=horizon)
    return arrange(led)


def led_by_cut(evidence: Evidence, rival: Probe) -> Evidence:
    """Let the probe that leads at equal steps be the incumbent, also where it was cut.

    So a search is led whose probes were cut for falling behind a ``rival`` from another one.
    """
    cut = [p for p in evidence.probes if not p.is_full and not p.is_broken]
    return led_by_running(evidence, cut)._replace(rival=rival)


def founded(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    """Leave out the probes that were cut against a run that came to nothing, and mark that run.

    A cut stands unless it was made against a running probe whose whole curve would not repeat it.
    """
    by_number: dict[int | None, Probe] = {p.number: p for p in probes}
    initial = initial_loss(probes)

    def stands(cut: Probe) -> bool:
        judge = by_number.get(cut.judge)
        if judge is None or initial is None or not cut.is_finite:
            return True
        return judge.is_finite and is_behind(cut.curve, initial, judge.curve) is not None

    fallen = {p.judge for p in probes if not stands(p)}
    return tuple(
        replace(p, has_fallen=True) if p.number in fallen else p for p in probes if stands(p)
    )


def answer(evidence: Evidence, probe: Probe) -> Verdict | None:
    """Return the verdict on a running probe whose question others have answered; None while open.

    That is so where a finished probe between this one and the incumbent has lost: the optimum does
    not lie beyond it, unless this probe is ahead of the incumbent all the same.
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
