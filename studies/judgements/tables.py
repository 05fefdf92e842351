"""Tables of verdicts beside the truth: how often verdicts are right, and whether they know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NAMES = ("overshoot", "undershoot", "balanced")
DISTANCES = {"under 0.5": 0.5, "0.5 to 1": 1.0, "1 to 2": 2.0, "over 2": float("inf")}
QUARTERS = {"first": 0.25, "second": 0.5, "third": 0.75, "last": 1.0}
# Confidences lie in (0.5, 1]; those within one such step are held against what they promise.
BIN_WIDTH = 0.05


class Judgement(NamedTuple):
    """One recorded verdict beside the truth.

    Args:
        task: The recorded task.
        rule: The rule that gave the verdict.
        verdict: Its name.
        confidence: What it stated.
        share: Share of the probe after which it was given.
        decades: Distance of the rate from the best one.
        truth: The name that is right about runs of the probe's length.
        full_truth: The name that would be right about full runs, corrected for their length.
    """

    task: str
    rule: str
    verdict: str
    confidence: float
    share: float
    decades: float
    truth: str
    full_truth: str

    @property
    def is_right(self) -> bool:
        """Whether the verdict names the truth."""
        return self.verdict == self.truth


class Bin(NamedTuple):
    """Verdicts of about the same confidence: its mean, the share that is right, their number."""

    confidence: float
    right: float
    n: int


def make_bins(judgements: Sequence[Judgement]) -> list[Bin]:
    """Group verdicts by what they state, in ascending order."""
    places = [int((1 - j.confidence) / BIN_WIDTH + 1e-9) for j in judgements]
    groups = [
        [j for j, place in zip(judgements, places, strict=True) if place == wanted]
        for wanted in sorted(set(places), reverse=True)
    ]
    return [_bin(group) for group in groups]


def _bin(group: Sequence[Judgement]) -> Bin:
    stated = float(np.mean([j.confidence for j in group]))
    return Bin(stated, float(np.mean([j.is_right for j in group])), len(group))


def calibration_error(judgements: Sequence[Judgement]) -> float:
    """Return the expected calibration error (Naeini, Cooper and Hauskrecht 2015).

    The gap between stated confidence and observed share, averaged over bins by their number.
    """
    gaps = [b.n * abs(b.confidence - b.right) for b in make_bins(judgements)]
    return sum(gaps) / len(judgements)


def brier_score(judgements: Sequence[Judgement]) -> float:
    """Return the mean squared distance of confidences from what came out (Brier 1950)."""
    return float(np.mean([(j.confidence - j.is_right) ** 2 for j in judgements]))


def confusion(judgements: Sequence[Judgement]) -> list[list[int]]:
    """Count verdicts: a row for each name, a column for each truth."""
    pairs = [(j.verdict, j.truth) for j in judgements]
    return [[pairs.count((name, truth)) for truth in NAMES] for name in NAMES]


def print_tables(name: str, judgements: Sequence[Judgement], rules: Sequence[str]) -> None:
    """Print everything about one set of verdicts, as Markdown."""
    error, score = calibration_error(judgements), brier_score(judgements)
    print(f"\n{name}: {len(judgements)} verdicts, {_right(judgements):.1%} right; ", end="")
    print(f"calibration error {error:.3f}, Brier score {score:.3f}")
    _print_groups("rule", rules, judgements, lambda j: j.rule)
    _print_groups("quarter of the probe", QUARTERS, judgements, _quarter)
    _print_groups("decades from the best", DISTANCES, judgements, _distance)
    print("\n| verdict | " + " | ".join(f"truth: {truth}" for truth in NAMES) + " |")
    print("| --- |" + " --- |" * len(NAMES))
    for verdict, counts in zip(NAMES, confusion(judgements), strict=True):
        print(f"| {verdict} | " + " | ".join(map(str, counts)) + " |")


def _print_groups(
    title: str,
    names: Sequence[str] | dict[str, float],
    judgements: Sequence[Judgement],
    name_of: Callable[[Judgement], str],
) -> None:
    print(f"\n| {title} | n | right | stated | right about the full run |")
    print("| --- | --- | --- | --- | --- |")
    for name in names:
        group = [j for j in judgements if name_of(j) == name]
        if group:
            stated = np.mean([j.confidence for j in group])
            full = np.mean([j.verdict == j.full_truth for j in group])
            print(f"| {name} | {len(group)} | {_right(group):.2f} | {stated:.2f} | {full:.2f} |")


def _right(group: Sequence[Judgement]) -> float:
    return float(np.mean([j.is_right for j in group]))


def _quarter(judgement: Judgement) -> str:
    return next(name for name, end in QUARTERS.items() if judgement.share <= end)


def _distance(judgement: Judgement) -> str:
    return next(name for name, end in DISTANCES.items() if judgement.decades < end)
