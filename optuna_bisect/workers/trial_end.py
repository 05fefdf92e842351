"""What is written on a trial when it ends: a missing verdict, or why the trial failed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from optuna_bisect.decisions.running_verdict import judge_probe
from optuna_bisect.search.probe import Probe
from optuna_bisect.study import attributes
from optuna_bisect.study.finished import curve_of, rate_of
from optuna_bisect.study.history import read_history
from optuna_bisect.verdicts import confidence
from optuna_bisect.verdicts.classifier import compare_ends, not_finite
from optuna_bisect.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.history import History
    from optuna_bisect.study.settings import Settings
    from optuna_bisect.verdicts.curve import Curve

_INFINITE = Verdict("overshoot", confidence.CERTAIN, "the returned value is not finite")
_RAISED = "the objective raised an exception or returned no number"


def record_end(
    study: Study, trial: FrozenTrial, settings: Settings, state: TrialState, value: float | None
) -> None:
    """Write the verdict of a trial that no pruner of this package judged, or why the trial ended.

    The trial is about to be stored with this ``state``. ``value`` is what it returned, or the last
    report where it was pruned.
    """
    attrs = attributes.read(trial)
    if attrs.verdict is not None or attrs.role not in ("probe", "final"):
        return
    history = read_history(study, settings, exclude=trial.number).of(attrs.search)
    curve = curve_of(trial, history.view.report_sign)
    if not curve.is_finite:
        attributes.write_verdict(study, trial, not_finite(curve, history.view.report_sign))
    elif value is not None and not math.isfinite(value):
        attributes.write_verdict(study, trial, _INFINITE)
    elif state == TrialState.FAIL:
        attributes.write(study, trial, reason=_RAISED)
    elif attrs.role == "probe":
        verdict = _judge_probe(trial, history, curve, state, value)
        if verdict is not None:
            attributes.write_verdict(study, trial, verdict)
    elif state == TrialState.PRUNED:
        attributes.write(study, trial, reason="stopped by the study's pruner or by the objective")


def _judge_probe(
    trial: FrozenTrial, history: History, curve: Curve, state: TrialState, value: float | None
) -> Verdict | None:
    rate, complete = rate_of(trial, history.view), state == TrialState.COMPLETE
    if rate is None:
        return None
    if len(curve) and (history.view.probe_steps is not None or not complete):
        end = curve.horizon if complete else history.view.probe_steps
        return judge_probe(history, Probe(trial.number, rate, curve), end)
    if value is None or not complete:
        return None
    own, evidence = history.view.value_sign * value, history.evidence()
    best = evidence.incumbent if evidence else None
    if best is None or best.value is None:
        return Verdict("balanced", confidence.FIRST_VALUE, f"the first finite value: {value:.4g}")
    return compare_ends(own, rate, best.value, best, sign=history.view.value_sign)
