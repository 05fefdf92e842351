"""The verdict on a run from its loss curve: alone, or beside the best run so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.verdicts import confidence, reasons
from optuna_bisect.verdicts.comparison import SAME_END, gap_between, is_behind, least_share
from optuna_bisect.verdicts.curve import N_SKIPPED
from optuna_bisect.verdicts.shape import (
    has_jumped,
    has_risen,
    has_turned,
    is_above,
    is_flat,
    is_leaving,
    late_share_of,
    starts_untrained,
    unevenness_of,
)
from optuna_bisect.verdicts.verdict import Verdict, side_of

if TYPE_CHECKING:
    from optuna_bisect.verdicts.curve import Curve, Run
    from optuna_bisect.verdicts.verdict import VerdictName

# Without an incumbent a run is left alone for this share of a probe: the window to recover in.
RECOVERY_SHARE = 0.25
# A run has not flattened when its second half brought more than this share of its progress: half
# of what a straight line makes there.
STRAIGHT = 0.25
# Departures from the initial loss as uneven as this come from the rate and not from the batches.
ERRATIC = 10.0


def classify(
    curve: Curve,
    rate: float,
    *,
    initial: float | None = None,
    incumbent: Run | None = None,
    probe_steps: int | None = None,
    is_patient: bool = False,
    sign: int = 1,
) -> Verdict | None:
    """Judge a run from its loss curve; return None while there is not enough evidence.

    Divergence sets in a median 1.6 decades above the best rate, too far to aim at. So a run is
    compared with ``incumbent``, the best balanced run so far, at equal steps, and judged alone
    only where there is none. A run of ``probe_steps`` gets a verdict in any case; None: no run
    ends there. ``initial`` is the loss before training, None where unknown. ``is_patient`` lets a
    run that looks flat go on to its end. ``sign`` is -1 where ``curve`` holds maximised scores
    with their signs turned.
    """
    if not len(curve):
        return None
    if not curve.is_finite:
        return not_finite(curve, sign)
    if incumbent is None or not len(incumbent.curve):
        return _judge_alone(curve, initial, probe_steps, is_patient=is_patient, sign=sign)
    start = incumbent.curve.losses[0] if initial is None else initial
    if probe_steps is None or curve.horizon < probe_steps:
        return _judge_progress(curve, rate, start, incumbent, probe_steps=probe_steps, sign=sign)
    last = float(np.interp(curve.steps[-1], incumbent.curve.steps, incumbent.curve.losses))
    gap = gap_between(curve, incumbent.curve, start)
    own = float(np.mean(curve.losses[-gap.n :]))
    best, progress = own - gap.difference, start - last
    return compare_ends(own, rate, best, incumbent, progress=progress, n_reports=gap.n, sign=sign)


def not_finite(curve: Curve, sign: int = 1) -> Verdict:
    """Return the verdict on a curve that is not finite: an overshoot, and the only certain one."""
    pairs = zip(curve.steps, curve.losses, strict=True)
    step = next(s for s, loss in pairs if not math.isfinite(loss))
    return Verdict("overshoot", confidence.CERTAIN, reasons.not_finite(step, sign))


def _decades(rate: float, other: float) -> float:
    """Return the distance of two rates in decades; 0 on a linear range that is not positive."""
    return abs(math.log10(rate) - math.log10(other)) if min(rate, other) > 0 else 0.0


def _judge_progress(
    curve: Curve, rate: float, start: float, incumbent: Run, *, probe_steps: int | None, sign: int
) -> Verdict | None:
    if rate == incumbent.rate:
        return None
    # An incumbent that still runs is shorter than a probe; a run that is none may take its time.
    horizon = math.inf if probe_steps is None else max(incumbent.curve.horizon, probe_steps)
    share = is_behind(curve, start, incumbent.curve, horizon)
    if share is None:
        return None
    name, where = side_of(rate, incumbent.rate)
    ratio, n_reports = share / least_share(curve, horizon), len(curve) - N_SKIPPED
    sure = confidence.of_cut(_decades(rate, incumbent.rate), ratio, n_reports)
    number = incumbent.number
    reason = reasons.lag(curve, start, share, number=number, where=where, sign=sign)
    return Verdict(name, sure, reason)


def compare_ends(
    own: float,
    rate: float,
    best: float,
    incumbent: Run,
    *,
    progress: float = 0.0,
    n_reports: int = 1,
    sign: int = 1,
) -> Verdict:
    """Judge a run that was not cut by where it ended: balanced where it is the best, or as good.

    ``own`` and ``best`` are the means of the last ``n_reports`` losses, or the returned values, of
    this run and of the incumbent, the best balanced run so far. ``progress`` is the incumbent's, 0
    or less where unknown. ``sign`` is -1 where the numbers were maximised and their signs turned.
    """
    compared = reasons.ends(own, best, incumbent.number, sign, n_reports)
    near = confidence.of_best(_decades(rate, incumbent.rate))
    if own < best or rate == incumbent.rate:
        return Verdict("balanced", near, f"{compared}: the best so far")
    if own == best:
        return Verdict("balanced", near, f"{compared}: as good")
    if own - best < SAME_END * progress:
        same = f"as good within {SAME_END:.0%} of the progress"
        return Verdict("balanced", near, f"{compared}: {same}")
    name, where = side_of(rate, incumbent.rate)
    sure = confidence.UNSCALED_END
    if progress > 0:
        sure = confidence.of_end((own - best) / progress)
    return Verdict(name, sure, f"{compared}; rate {where} it")


def _judge_alone(
    curve: Curve, initial: float | None, probe_steps: int | None, *, is_patient: bool, sign: int
) -> Verdict | None:
    """Judge without a run to compare with: by level and trend against the curve's own noise."""
    if probe_steps is None or curve.horizon < RECOVERY_SHARE * probe_steps:
        return None
    over = curve.horizon >= probe_steps
    known = initial is not None and starts_untrained(curve)
    if not over and (not known or len(curve) <= N_SKIPPED):
        return None
    start = curve.losses[0] if initial is None else initial
    if is_above(curve, start):
        sure = confidence.of_rise(unevenness_of(curve, start))
        return Verdict("overshoot", sure, reasons.rise(curve, start, sign))
    if is_flat(curve, start):
        is_open = not over and (is_patient or is_leaving(curve, start))
        return None if is_open else _judge_flat(curve, start, sign)
    return _judge_descent(curve, start, sign) if over else None


def _judge_flat(curve: Curve, start: float, sign: int) -> Verdict:
    """Guess whether a flat curve is too high or too low; the search takes no direction from it."""
    if has_jumped(curve, start):
        return Verdict("overshoot", confidence.FLAT, reasons.jump(curve, start, sign))
    reason = reasons.flat(curve, start, sign)
    name: VerdictName = "overshoot" if has_risen(curve, start) else "undershoot"
    if unevenness_of(curve, start) >= ERRATIC:
        return Verdict(name, confidence.FLOOR, f"{reason}, {reasons.erratic(curve, sign)}")
    if name == "overshoot":
        return Verdict(name, confidence.FLAT, f"{reason}; {reasons.risen(sign)}")
    bursts = ", or about to burst" if start < curve.losses[-1] == max(curve.losses) else ""
    return Verdict(name, confidence.FLAT, f"{reason}; too low, or dead{bursts}")


def _judge_descent(curve: Curve, start: float, sign: int) -> Verdict:
    """Tell a descent that has flattened from one that a higher rate would speed up."""
    if has_turned(curve, start):
        return Verdict("overshoot", confidence.TURNED, reasons.turn(curve, start, sign))
    late, way = late_share_of(curve, start), reasons.descent(curve, start, sign)
    if late <= STRAIGHT:
        reason = f"{way} and flattens; nothing to compare with yet"
        return Verdict("balanced", confidence.FLOOR, reason)
    reason = f"still {way}, {late:.0%} of it in the second half: too slow"
    return Verdict("undershoot", confidence.of_straight(late), reason)
