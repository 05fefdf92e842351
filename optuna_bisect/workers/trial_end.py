"""What is written on a trial when it ends: a missing verdict, or why the trial failed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from optuna_bisect._logger import logger
from optuna_bisect.decisions.running_verdict import judge_probe
from optuna_bisect.fitting import records
from optuna_bisect.search.probe import Probe
from optuna_bisect.study.reading import read_history
from optuna_bisect.study.report_steps import note_first_step, warn_of_units
from optuna_bisect.trials import attributes, internals
from optuna_bisect.trials.view import curve_of, rate_of
from optuna_bisect.verdicts import confidence
from optuna_bisect.verdicts.classifier import compare_ends, not_finite
from optuna_bisect.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.fitting.records import Losses
    from optuna_bisect.study.history import History
    from optuna_bisect.study.settings import Settings
    from optuna_bisect.verdicts.curve import Curve

_INFINITE = Verdict("overshoot", confidence.CERTAIN, "the returned value is not finite")
_RAISED = "the objective raised an exception or returned no number"


def give_params(study: Study, trial: FrozenTrial) -> None:
    """Give a surplus trial the parameters of the final trial, else of the latest one.

    Callbacks and constraints of users read the parameters of every trial.
    """
    others = [t for t in internals.without(internals.all_trials(study), trial) if t.params]
    others = [t for t in others if attributes.read(t).role != "surplus"]
    if others:
        last = max(others, key=lambda t: (attributes.read(t).role == "final", t.number))
        internals.give_params(study, trial, last)


def record_end(
    study: Study, trial: FrozenTrial, settings: Settings, state: TrialState, value: float | None
) -> None:
    """Write the verdict of a trial that no pruner of this package judged, or why the trial ended.

    The trial is about to be stored with this ``state``. ``value`` is what it returned, or the last
    report where it was pruned.
    """
    losses = records.flush(study, trial)
    attrs = note_first_step(study, trial, attributes.read(trial), at_end=True)
    warn_of_units(study, trial, state)
    if attrs.verdict is not None or attrs.role not in ("probe", "final"):
        return
    whole = read_history(study, settings, exclude=trial.number, rung=attrs.rung or 0)
    history = whole.of(attrs.search)
    curve = curve_of(trial, history.view.report_sign)
    if not curve.is_finite:
        attributes.write_verdict(study, trial, not_finite(curve, history.view.report_sign))
    elif value is not None and not math.isfinite(value):
        attributes.write_verdict(study, trial, _INFINITE)
    elif state == TrialState.FAIL:
        if not internals.is_cut_off():
            attributes.write(study, trial, reason=_RAISED)
    elif attrs.role == "probe":
        _warn_of_full_probe(trial, attrs, history, state)
        verdict = _judge_probe(trial, history, curve, state, value)
        if verdict is not None:
            attributes.write_verdict(study, trial, verdict)
    elif state == TrialState.PRUNED:
        attributes.write(study, trial, reason="stopped by the study's pruner or by the objective")
    elif value is not None:
        _warn_of_worse_final(trial, history, value, curve)
        _warn_of_overfitting(trial, losses)


def _warn_of_full_probe(
    trial: FrozenTrial, attrs: attributes.Attrs, history: History, state: TrialState
) -> None:
    """Say of the first probe that it ran in full, as far as anyone can know."""
    is_silent = not trial.intermediate_values and not attrs.asked
    is_first = history.has_final and not history.finished.probes
    if state == TrialState.COMPLETE and is_silent and is_first:
        logger.warning(
            f"Probe {trial.number} reported nothing and did not ask for its length, so it counts "
            "as a full run, and the best rate will not be corrected for a longer one. Report "
            "losses, or stop after trial_plan(trial).n_steps."
        )


def _warn_of_worse_final(trial: FrozenTrial, history: History, value: float, curve: Curve) -> None:
    """Say that a run which should have been longer, and reported nothing, ended worse."""
    if len(curve):
        return
    evidence = history.evidence()
    best = evidence.incumbent if evidence is not None else None
    if best is None or best.value is None or history.view.value_sign * value <= best.value:
        return
    logger.warning(
        f"Final trial {trial.number} returned {value:.4g}, worse than probe {best.number} with "
        f"{history.view.value_sign * best.value:.4g} at {best.rate:.3g}: unless probes stop after "
        "trial_plan(trial).n_steps they are full runs, and the best of them is the result."
    )


def _warn_of_overfitting(trial: FrozenTrial, losses: Losses | None) -> None:
    """Say that the last weights of a final trial are not its best ones."""
    fit = losses.judge() if losses else None
    if fit is not None and fit.name == "over-fitting":
        logger.warning(f"Final trial {trial.number} shows {fit}.")


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
