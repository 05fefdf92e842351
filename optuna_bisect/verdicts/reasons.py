"""The sentence of each verdict, in the numbers that the user reported.

Curves are always minimised inside; where the user maximises, ``sign`` is -1 and turns them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna_bisect.verdicts.curve import Curve, Run


def _show(loss: float, sign: int) -> str:
    return f"{sign * loss:.4g}"


def _levels(curve: Curve, start: float, sign: int) -> str:
    return f"{_word(sign)} {_show(curve.losses[-1], sign)}, at first {_show(start, sign)}"


def _word(sign: int) -> str:
    return "loss" if sign > 0 else "score"


def not_finite(step: int, sign: int) -> str:
    """Say that a report was not finite."""
    return f"{_word(sign)} is not finite at step {step}"


def lag(curve: Curve, start: float, share: float, *, number: int, where: str, sign: int) -> str:
    """Say how far a run is behind trial ``number``, and on which side of that the rate lies."""
    step = curve.steps[-1]
    if share > 0:
        return f"progress {share:.2f} of trial {number}'s at step {step}; rate {where} it"
    levels = _levels(curve, start, sign)
    return f"no progress at step {step} ({levels}), unlike trial {number}; rate {where} it"


def ends(own: float, best: float, number: int, sign: int, n_reports: int = 1) -> str:
    """Say where two runs ended, in the mean of their last reports."""
    mean = "" if n_reports == 1 else f" in the mean of {n_reports} reports"
    return f"ends at {_show(own, sign)}{mean}, trial {number} at {_show(best, sign)}"


def rise(curve: Curve, start: float, sign: int) -> str:
    """Say that a run is worse than before training."""
    side = "above" if sign > 0 else "below"
    level = f"{_word(sign)} {_show(curve.losses[-1], sign)} is {side} the initial"
    return f"{level} {_show(start, sign)} at step {curve.steps[-1]}, after the time to recover"


def turn(curve: Curve, start: float, sign: int) -> str:
    """Say that a run came down and then lost what it had won."""
    way = f"from {_show(start, sign)} to {_show(min(curve.losses), sign)}"
    now = f"turned round to {_show(curve.losses[-1], sign)} by step {curve.steps[-1]}"
    return f"{_word(sign)} went {way} and {now}"


def jump(curve: Curve, start: float, sign: int) -> str:
    """Say that a run left its level, and whether it came back."""
    last = curve.losses[-1]
    far = max(curve.losses[1:], key=lambda loss: abs(loss - start))
    way = f"from {_show(start, sign)} to {_show(far, sign)}"
    is_back = abs(last - start) < abs(last - far)
    now = f"{'came back to' if is_back else 'stayed near that:'} {_show(last, sign)}"
    return f"{_word(sign)} went {way} and {now} at step {curve.steps[-1]}"


def flat(curve: Curve, start: float, sign: int) -> str:
    """Say that a run shows no progress, or that one report alone cannot show any."""
    if len(curve) < 2:
        level = f"{_word(sign)} {_show(curve.losses[-1], sign)} at step {curve.steps[-1]}"
        return f"one report alone shows no progress: {level}"
    levels = _levels(curve, start, sign)
    return f"no progress beyond the noise at step {curve.steps[-1]}: {levels}"


def risen(sign: int) -> str:
    """Say that a run without progress has been worse than before training all the time."""
    return f"{'higher' if sign > 0 else 'lower'} ever since; likely too high"


def erratic(curve: Curve, sign: int) -> str:
    """Say that a run jumped about instead of making progress."""
    return f"at {'most' if sign > 0 else 'least'} {_show(max(curve.losses), sign)}: no direction"


def descent(curve: Curve, start: float, sign: int) -> str:
    """Say how far a run came in its direction of progress."""
    verb = "descends" if sign > 0 else "rises"
    way = f"from {_show(start, sign)} to {_show(curve.losses[-1], sign)}"
    return f"{verb} {way} by step {curve.steps[-1]}"


def answered(loser: Run, number: int, where: str) -> str:
    """Say that others have seen a rate lose that lies nearer to the best one, trial ``number``."""
    return (
        f"answered by others: trial {loser.number} at {loser.rate:.3g}, nearer to trial {number}, "
        f"has lost; rate {where} both"
    )
