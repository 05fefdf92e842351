"""A search without Optuna, on curves whose best rate is known."""

from __future__ import annotations

import math

from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.probe import Probe, initial_loss
from optuna_bisect.search.proposal import propose
from optuna_bisect.verdicts.classifier import classify
from optuna_bisect.verdicts.curve import Curve

GRID = Grid(1e-6, 1.0)
STEPS = tuple(range(0, 121, 10))


def synthetic(rate: float, best: float, edge: float = 1.6) -> Curve:
    """A run whose speed falls off on both sides of its best rate, and which diverges above."""
    offset = math.log10(rate / best)
    if offset > edge:
        return Curve((0, 10), (2.3, math.nan))
    speed = 0.3 * 10 ** (-abs(offset))
    return Curve(STEPS, tuple(1 + 1.3 * math.exp(-speed * i) for i in range(len(STEPS))))


def run(number: int, rate: float, best: float, known: list[Probe], question: str) -> Probe:
    """Run a probe as the pruner would: report by report, cut as soon as there is a verdict."""
    evidence, whole = assess(known, GRID), synthetic(rate, best)
    for step in whole.steps:
        part = whole.until(step)
        initial = initial_loss([*known, Probe(-1, rate, part)])
        if classify(part, rate, initial=initial, incumbent=evidence.incumbent, probe_steps=120):
            break
    return Probe(number, rate, part, is_full=part.horizon >= 120, question=question)


def search(best: float) -> list[Probe]:
    probes: list[Probe] = []
    while (proposal := propose(assess(probes, GRID))) is not None:
        assert len(probes) < 30
        probes.append(run(len(probes), proposal.rate, best, probes, proposal.question))
    return probes
