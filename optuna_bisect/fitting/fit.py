"""The judgement of a training and a validation loss, on the scale of the run itself.

Every threshold is a share of what the run learned, or a multiple of the noise of its curve, so
that losses times c, or plus c, are judged the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from optuna_bisect._checks import check_number, number_of, optional, wrong
from optuna_bisect.feedback.trend_tests import critical_value, trend
from optuna_bisect.verdicts.curve import N_AVERAGED, Curve, noise_of
from optuna_bisect.verdicts.shape import LOST_SHARE, SIGNIFICANCE, is_flat, late_share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

FitName = Literal["under-fitting", "good fit", "over-fitting"]

# Of fewer points nobody knows whether a curve has turned.
LEAST_POINTS = 2 * N_AVERAGED
# Score that proves a trend: noise reaches it in 5 % of tests.
_SURE = critical_value(0.05)
# A run that has lost this share of what it had learned about new data over-fits.
_LOST = 0.02
# Where less than this share of what was learned holds for new data, the rest was learned by heart.
_CARRIED = 0.5
# A straight descent makes half of its progress in its second half, a third where the rate falls to
# zero there; a flattened one makes hardly any.
_LATE = 1 / 4


@dataclass(frozen=True)
class Fit:
    """How well a run fits data that it trains on, and data that it does not.

    Attributes:
        name: ``"under-fitting"``: it has not learned what it could. ``"over-fitting"``: it goes on
            with learning its training data and loses what holds for others. ``"good fit"``.
        reason: One sentence for people.
        best_step: Steps done where the validation loss was lowest.
        best_val_loss: That loss.
    """

    name: FitName
    reason: str
    best_step: int
    best_val_loss: float

    def __str__(self) -> str:
        """Return name, reason and the best step in one sentence."""
        best = f"{self.best_val_loss:.4g}, after {self.best_step} steps"
        return f"{self.name}: {self.reason}; the validation loss was lowest, {best}"

    @property
    def sentence(self) -> str:
        """The same with a capital letter and a full stop."""
        text = str(self)
        return f"{text[0].upper()}{text[1:]}."


def judge_fit(
    steps: Sequence[int],
    train_losses: Sequence[float],
    val_losses: Sequence[float],
    *,
    initial: float | None = None,
    best: tuple[int, float] | None = None,
) -> Fit | None:
    """Judge a run by its training and validation losses at the same steps.

    Over-fitting is a validation loss that rises beyond its noise while the training loss falls, or
    one that has less than half of the training loss's progress. Under-fitting is a training loss
    that has hardly moved, or two losses that made a quarter of their progress in the second half.
    A model too small for its data flattens as a good fit does: one run alone cannot tell.

    Args:
        steps: Steps done, ascending.
        train_losses: Training losses to be minimised.
        val_losses: Validation losses to be minimised.
        initial: Loss before training. None: the first of the losses.
        best: Step and value of the lowest validation loss. None: that of ``val_losses``.

    Returns:
        The judgement; None where there are fewer than six pairs of finite losses.
    """
    start = optional(check_number, "initial", initial)
    known = _finite_pairs(steps, train_losses, val_losses)
    lowest = None if best is None else _check_numbers("best", best, 2)
    if len(known) < LEAST_POINTS:
        return None
    at, train, val = (tuple(column) for column in zip(*known))
    best_val, best_step = lowest[::-1] if lowest else min(zip(val, at))
    start = max(train[0], val[0]) if start is None else start
    name, reason = _judge(Curve(at, train), Curve(at, val), start)
    return Fit(name, reason, int(best_step), best_val)


def _finite_pairs(
    steps: object, train_losses: object, val_losses: object
) -> list[tuple[int, float, float]]:
    """Return steps with both losses, where both are finite."""
    at = _check_numbers("steps", steps)
    train = _check_numbers("train_losses", train_losses)
    val = _check_numbers("val_losses", val_losses)
    if not len(at) == len(train) == len(val):
        lengths = f"{len(at)}, {len(train)} and {len(val)}"
        raise ValueError(
            f"steps, train_losses and val_losses must have one length but got {lengths}."
        )
    if not all(map(math.isfinite, at)) or sorted(at) != at:
        raise wrong("steps", "be finite and ascend", steps)
    pairs = zip(at, train, val)
    return [(int(s), t, v) for s, t, v in pairs if math.isfinite(t) and math.isfinite(v)]


def _check_numbers(name: str, values: Any, length: int | None = None) -> list[float]:
    """Return numbers as a list, of a certain length where one is given."""
    try:
        # What may be iterated need not end.
        found = [number_of(value) for value in islice(values, len(values))]
    except TypeError:
        found = [None]
    numbers = [number for number in found if number is not None]
    if len(numbers) < len(found) or length not in (None, len(numbers)):
        expected = "be numbers" if length is None else f"be {length} numbers"
        raise wrong(name, expected, values)
    return numbers


def _judge(train: Curve, val: Curve, initial: float) -> tuple[FitName, str]:
    fall, rise = _levels(train), _levels(val)
    lowest = int(np.argmin(rise))
    t_end, v_end, v_best = fall[-1], rise[-1], rise[lowest]
    if is_flat(train, initial):
        return "under-fitting", f"the training loss, {t_end:.4g}, has hardly left {initial:.4g}"
    lost = max(SIGNIFICANCE * noise_of(train.losses), LOST_SHARE * (initial - min(fall)))
    if train.end - min(fall) > lost:
        return (
            "under-fitting",
            f"the training loss went up again, from {min(fall):.4g} to {train.end:.4g}",
        )
    error = SIGNIFICANCE * noise_of(val.losses)
    # At a rate that is too high both losses swing: a rise must show in the order as well.
    is_turned = trend(val.losses[lowest:]) > _SURE and trend(train.losses[lowest:]) < 0
    if (
        is_turned
        and t_end < fall[lowest]
        and v_end - v_best > max(error, _LOST * (initial - v_best))
    ):
        return "over-fitting", (
            f"the validation loss rose to {v_end:.4g}, while the training loss fell from "
            f"{fall[lowest]:.4g} to {t_end:.4g}"
        )
    if initial - v_best < _CARRIED * (initial - t_end) and v_best - t_end > error:
        return "over-fitting", (
            f"training loss {t_end:.4g}, validation loss {v_end:.4g}: less than half of what was "
            "learned holds for new data"
        )
    late = min(late_share_of(train, initial), late_share_of(val, initial))
    if late > _LATE:
        return "under-fitting", (
            f"both losses still fall: {late:.0%} of the progress came in the second half"
        )
    return "good fit", f"training loss {t_end:.4g} and validation loss {v_end:.4g} have flattened"


def _levels(curve: Curve) -> list[float]:
    """Return the medians of three neighbours, so that none of them is one lucky validation."""
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(curve.losses), N_AVERAGED)
    levels: list[float] = np.median(windows, axis=1).tolist()
    return levels
