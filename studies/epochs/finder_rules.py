"""The rules of other learning-rate finders, as pure functions.

torch-lr-finder's own suggestion is not here: the benchmark calls the package.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Points of a sweep that fastai's ``lr_find`` leaves out.
SKIP_START, SKIP_END = 10, 5


def valley(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Suggest a rate as fastai's ``valley`` does: the middle of the longest valley of a sweep.

    The valley is the longest decreasing subsequence of the losses; it begins as many points
    before its end as it has members. As in ``lr_find``, the first tenth of the sweep and the last
    five points are left out, and everything from the first loss on that is not a number.
    Source: https://docs.fast.ai/callback.schedule.html (``valley``, ``lr_find``); own code.

    Args:
        rates: Rates of the sweep, ascending.
        losses: Loss at each rate.

    Returns:
        The suggestion; not a number where nothing is left to look at.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(rates) != len(losses):
        raise ValueError(f"expected as many losses as rates but got {len(losses)}, {len(rates)}.")
    kept = list(zip(rates, losses))[SKIP_START:-SKIP_END]
    n = next((i for i, (_, loss) in enumerate(kept) if math.isnan(loss)), len(kept))
    if n == 0:
        return math.nan
    lengths = _decreasing_lengths([loss for _, loss in kept[:n]])
    end = lengths.index(max(lengths))
    return kept[max(0, end - lengths[end] // 2)][0]


def _decreasing_lengths(losses: Sequence[float]) -> list[int]:
    """Return for each loss the length of the longest decreasing subsequence that ends there."""
    lengths: list[int] = []
    for i, loss in enumerate(losses):
        lengths.append(1 + max((lengths[j] for j in range(i) if losses[j] > loss), default=0))
    return lengths


class Search(NamedTuple):
    """The rate that a search chose, and the rates that it tried."""

    lr: float
    tried: tuple[float, ...]


def diff_lr(
    is_overshoot: Callable[[float], bool],
    midpoint: Callable[[float, float], float],
    *,
    low: float = 1e-6,
    high: float = 1e-1,
    max_iters: int = 10,
) -> Search:
    """Halve a range of rates as Diff-LR does, whose author wrote this project's first seed.

    Source: https://github.com/joshuaplrj/Diff-LR (``binary_search_lr`` in DLR.py); own code. With
    the midpoint in log space, which that code has, it ends after five rates; the text of the seed
    and of the repository has the arithmetic midpoint.

    Args:
        is_overshoot: Trains for three epochs at a rate and says whether that was too high.
        midpoint: Where to look between two rates.
        low: Low end of the range.
        high: High end of the range.
        max_iters: Rates to try at most.

    Returns:
        The highest rate that did not overshoot; 1e-3, as published, where all did.

    Raises:
        ValueError: If the range is not positive or empty.
    """
    if not 0 < low < high:
        raise ValueError(f"expected 0 < low < high but got {low} and {high}.")
    best, tried = 1e-3, list[float]()
    while len(tried) < max_iters and (not tried or high / low >= 1.5):
        middle = midpoint(low, high)
        tried.append(middle)
        if is_overshoot(middle):
            high = middle
        else:
            low = best = middle
    return Search(best, tuple(tried))


def is_diff_lr_overshoot(train_loss: float, held_loss: float) -> bool:
    """Judge a short run as Diff-LR does: by the gap between training and validation loss."""
    return held_loss > 1.5 * train_loss or math.isnan(held_loss)


def log_midpoint(low: float, high: float) -> float:
    """Return the geometric mean."""
    return math.sqrt(low * high)


def arithmetic_midpoint(low: float, high: float) -> float:
    """Return the mean."""
    return (low + high) / 2
