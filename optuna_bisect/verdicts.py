"""Verdicts: what the loss curve of one short run says about its learning rate.

Nothing here knows Optuna.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from optuna_bisect.curves import (
    N_SKIPPED,
    Curve,
    has_jumped,
    is_above,
    is_behind,
    is_flat,
    is_leaving,
    starts_untrained,
)

VerdictName = Literal["overshoot", "undershoot", "balanced"]
VERDICT_NAMES: tuple[VerdictName, ...] = ("overshoot", "undershoot", "balanced")

# Without an incumbent a run is left alone for this share of a probe: the window to recover in.
RECOVERY_SHARE = 0.25


@dataclass(frozen=True)
class Verdict:
    """What a run says about its rate, how sure that is, and why.

    Args:
        name: ``"overshoot"``: the best rate lies below. ``"undershoot"``: it lies above.
            ``"balanced"``: it lies here.
        confidence: Estimated probability that the name is right, in (0.5, 1].
        reason: One sentence for people.

    Raises:
        ValueError: On an unknown name or a confidence outside (0.5, 1].
    """

    name: VerdictName
    confidence: float
    reason: str

    def __post_init__(self) -> None:
        """Reject what no rule can have meant."""
        if self.name not in VERDICT_NAMES:
            raise ValueError(f"A verdict is one of {VERDICT_NAMES} but got {self.name!r}.")
        if not 0.5 < self.confidence <= 1:
            raise ValueError(f"A confidence lies in (0.5, 1] but got {self.confidence}.")


class Incumbent(NamedTuple):
    """The run that others are compared with.

    Args:
        number: Its trial number, for the reason.
        rate: Its learning rate.
        curve: Its loss curve.
    """

    number: int
    rate: float
    curve: Curve


def classify(
    curve: Curve,
    rate: float,
    *,
    initial: float | None = None,
    incumbent: Incumbent | None = None,
    probe_steps: int | None = None,
    is_patient: bool = False,
) -> Verdict | None:
    """Judge a run from its loss curve, as early as the evidence allows.

    Divergence is the wrong target: it sets in a median 1.6 decades above the best rate. So a run
    is compared with the incumbent at equal steps, and absolute signs serve only until there is
    one.

    Args:
        curve: The reports so far, lower is better.
        rate: The run's learning rate.
        initial: The loss before training, shared by all probes. None: unknown.
        incumbent: The best balanced probe so far. None: there is none.
        probe_steps: Length of a probe in steps. A run of that length gets a verdict in any case;
            None: a run that is neither cut nor diverged gets none.
        is_patient: Whether a run that looks flat is left to run to its end.

    Returns:
        The verdict, or None while there is not enough evidence.
    """
    if not len(curve):
        return None
    if not curve.is_finite:
        return not_finite(curve)
    over = probe_steps is not None and curve.horizon >= probe_steps
    if incumbent is None or not len(incumbent.curve):
        return _judge_alone(curve, initial, probe_steps, over, is_patient=is_patient)
    if over:
        return _judge_end(curve, rate, incumbent)
    return _judge_progress(curve, rate, initial, incumbent)


def not_finite(curve: Curve) -> Verdict:
    """Return the one verdict that is certain: overshoot, at the first loss that is not finite."""
    pairs = zip(curve.steps, curve.losses, strict=True)
    step = next(s for s, loss in pairs if not math.isfinite(loss))
    return Verdict("overshoot", 1.0, f"loss is not finite at step {step}")


def side_of(rate: float, best_rate: float) -> tuple[VerdictName, str]:
    """Name the verdict on a rate that lost to the best one, and where it lies."""
    if rate > best_rate:
        return "overshoot", "above"
    return "undershoot", "below"


def _judge_progress(
    curve: Curve, rate: float, initial: float | None, incumbent: Incumbent
) -> Verdict | None:
    if rate == incumbent.rate:
        return None
    start = incumbent.curve.losses[0] if initial is None else initial
    share = is_behind(curve, start, incumbent.curve)
    if share is None:
        return None
    name, where = side_of(rate, incumbent.rate)
    reason = (
        f"progress {share:.2f} of trial {incumbent.number}'s at step {curve.steps[-1]}; "
        f"rate {where} it"
    )
    return Verdict(name, 0.95, reason)


def _judge_end(curve: Curve, rate: float, incumbent: Incumbent) -> Verdict:
    best = float(np.interp(curve.steps[-1], incumbent.curve.steps, incumbent.curve.losses))
    return compare_ends(curve.losses[-1], rate, best, incumbent.number, incumbent.rate)


def compare_ends(own: float, rate: float, best: float, number: int, best_rate: float) -> Verdict:
    """Judge a run that was not cut by where it ended.

    Args:
        own: Its last loss, or what it returned, lower is better.
        rate: Its rate.
        best: The incumbent's at the same step.
        number: The incumbent's trial number.
        best_rate: The incumbent's rate.

    Returns:
        Balanced if it is the best so far, else the side on which it lies.
    """
    compared = f"ends at {own:.4g}, trial {number} at {best:.4g}"
    if own < best or rate == best_rate:
        return Verdict("balanced", 0.8, f"{compared}: the best so far")
    name, where = side_of(rate, best_rate)
    return Verdict(name, 0.8, f"{compared}; rate {where} it")


def _judge_alone(
    curve: Curve,
    initial: float | None,
    probe_steps: int | None,
    over: bool,
    *,
    is_patient: bool,
) -> Verdict | None:
    """Judge without an incumbent: by level and trend against the curve's own noise."""
    if probe_steps is None or curve.horizon < RECOVERY_SHARE * probe_steps:
        return None
    known = initial is not None and starts_untrained(curve)
    if not over and (not known or len(curve) <= N_SKIPPED):
        return None
    start = curve.losses[0] if initial is None else initial
    step = curve.steps[-1]
    if is_above(curve, start):
        reason = f"loss {curve.losses[-1]:.4g} is above the initial {start:.4g} at step {step}"
        return Verdict("overshoot", 0.95, reason)
    if is_flat(curve, start):
        is_open = not over and (is_patient or is_leaving(curve, start))
        return None if is_open else _judge_flat(curve, start, step)
    return Verdict("balanced", 0.6, _describe_descent(curve, start)) if over else None


def _judge_flat(curve: Curve, start: float, step: int) -> Verdict:
    """Guess which kind of flat this is; the search takes no direction from it."""
    if has_jumped(curve, start):
        reason = f"loss moved and came back to {curve.losses[-1]:.4g} at step {step}"
        return Verdict("overshoot", 0.55, reason)
    reason = f"no progress beyond the noise at step {step}: loss {curve.losses[-1]:.4g}"
    return Verdict("undershoot", 0.55, reason)


def _describe_descent(curve: Curve, start: float) -> str:
    return f"descends from {start:.4g} to {curve.losses[-1]:.4g} by step {curve.steps[-1]}"
