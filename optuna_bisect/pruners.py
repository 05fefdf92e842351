"""The pruners: they stop a run as soon as its loss curve gives a verdict, and record why."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from optuna.pruners import BasePruner

from optuna_bisect._boosting import warn_of_boosting
from optuna_bisect._checks import check_direction, check_not_negative
from optuna_bisect.decisions.configurations import why_behind
from optuna_bisect.decisions.next_rate import part_of
from optuna_bisect.decisions.roles import forestalled_by
from optuna_bisect.decisions.running_verdict import judge_beside, judge_probe
from optuna_bisect.search.probe import Probe
from optuna_bisect.study.reading import note_rate_name, recent_history
from optuna_bisect.study.report_steps import is_first_report, note_first_step, warn_of_units
from optuna_bisect.study.settings import Settings
from optuna_bisect.trials import attributes
from optuna_bisect.trials.liveness import note_alive
from optuna_bisect.trials.view import curve_of, others_of, rate_of
from optuna_bisect.verdicts.classifier import not_finite

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.history import History
    from optuna_bisect.verdicts.curve import Curve
    from optuna_bisect.verdicts.verdict import VerdictName

# Up to twice as many reports are judged one by one. After that a run is judged when it has grown
# by about one part in as many: at each report, its whole curve would take quadratic time.
JUDGED_ONE_BY_ONE = 64


class VerdictPruner(BasePruner):
    """Stops a run once its loss curve says whether its learning rate is too high or too low.

    In a probe of ``BisectionSampler`` it also ends the run at ``probe_steps``. In the final trial
    it stops nothing but divergence. On a trial of any other sampler it cuts runs that fall behind
    the best complete trial, and records why.

    Args:
        n_warmup_steps: Reports before this step are never judged.
        report_direction: ``"minimize"`` or ``"maximize"``: direction of the reported values. None:
            the study's. Set it where the objective reports a loss and returns an accuracy.

    Raises:
        ValueError: On a negative ``n_warmup_steps`` or an unknown direction.

    Example:
        >>> import optuna
        >>> study = optuna.create_study(pruner=VerdictPruner())
    """

    _cuts: ClassVar[tuple[VerdictName, ...]] = ("overshoot", "undershoot")

    def __init__(self, *, n_warmup_steps: int = 0, report_direction: str | None = None) -> None:
        self._n_warmup_steps = check_not_negative("n_warmup_steps", n_warmup_steps)
        self._report_direction: str | None = check_direction(report_direction)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Tell whether to stop a running trial by its reports so far, and record the verdict."""
        attrs = attributes.read(trial)
        if attrs.role == "surplus":
            return True
        warmup = self._n_warmup_steps
        if not trial.intermediate_values or (warmup and (trial.last_step or 0) < warmup):
            return False
        attributes.write(study, trial, report_direction=self._report_direction)
        if attrs.role == "final":
            return prune_final(study, trial, attrs.stale_after)
        note_alive(study, trial, attrs.stale_after)
        attrs = note_first_step(study, trial, attrs)
        probe_steps = attrs.probe_steps if attrs.role == "probe" else None
        if probe_steps is not None:
            warn_of_boosting(study, trial)
        if not _is_due(trial, probe_steps, attrs.first_step):
            return False
        return self._prune_probe(study, trial, attrs, probe_steps)

    def _prune_probe(
        self, study: Study, trial: FrozenTrial, attrs: attributes.Attrs, probe_steps: int | None
    ) -> bool:
        settings = Settings(report_direction=self._report_direction)
        history = recent_history(study, trial, settings, rung=attrs.rung or 0)
        if attrs.param is None and history.recorded_param is None:
            note_rate_name(study, trial)
        rate = rate_of(trial, history.view)
        curve = curve_of(trial, history.view.report_sign)
        if rate is None and not curve.is_finite and "overshoot" in self._cuts:
            # Nothing needs to be known of the rate to see this.
            attributes.write_verdict(study, trial, not_finite(curve, history.view.report_sign))
            return True
        if rate is None:
            return _end_without_rate(study, trial, history, curve, probe_steps)
        others = others_of(trial, history.view)
        own = Probe(
            trial.number, rate, curve, is_full=False, question=attrs.question, others=others
        )
        if is_first_report(study, own, history.finished.probes, probe_steps):
            return False
        whole, history = history, part_of(history, attrs.search)
        is_patient = attrs.question == "deepen"
        verdict = judge_probe(history, own, probe_steps, is_patient=is_patient)
        if verdict is None and attrs.role == "probe":
            verdict, judge = judge_beside(history, own)
            attributes.write(study, trial, judge=judge)
        is_over = probe_steps is not None and curve.horizon >= probe_steps
        if verdict is None and (reason := why_behind(whole, own, attrs.search)):
            attributes.write(study, trial, reason=reason)
            return True
        if verdict is None or (not is_over and verdict.name not in self._cuts):
            return False
        attributes.write_verdict(study, trial, verdict)
        return True


class OvershootPruner(VerdictPruner):
    """Stops runs whose rate is too high, and leaves slow ones to run.

    Arguments and the rest are those of ``VerdictPruner``.
    """

    _cuts = ("overshoot",)


class UndershootPruner(VerdictPruner):
    """Stops runs whose rate is too low, and leaves diverging ones to run.

    Arguments and the rest are those of ``VerdictPruner``.
    """

    _cuts = ("undershoot",)


def _is_due(trial: FrozenTrial, probe_steps: int | None, first_step: int | None = None) -> bool:
    """Tell whether the latest report is one at which the whole curve is judged."""
    n_reports = len(trial.intermediate_values)
    step, loss = next(reversed(trial.intermediate_values.items()))
    every = 2 ** max(0, (n_reports // JUDGED_ONE_BY_ONE).bit_length() - 1)
    is_over = probe_steps is not None and abs(step - (first_step or 0)) + 1 >= probe_steps
    return n_reports % every == 0 or is_over or not math.isfinite(loss)


def _end_without_rate(
    study: Study, trial: FrozenTrial, history: History, curve: Curve, probe_steps: int | None
) -> bool:
    """End a probe at its length also where it suggested no rate, unless no trial ever did."""
    if history.view.param_name is None or probe_steps is None or curve.horizon < probe_steps:
        return False
    reason = f"no verdict: the trial has no {history.view.param_name!r}, which is what is bisected"
    attributes.write(study, trial, reason=reason)
    return True


def prune_final(study: Study, trial: FrozenTrial, stale_after: float | None) -> bool:
    """Tell whether a final trial has to stop: it diverged, or another one has forestalled it."""
    if not trial.intermediate_values:
        return False
    note_alive(study, trial, stale_after)
    warn_of_units(study, trial)
    if _is_due(trial, None) and not (curve := curve_of(trial, 1)).is_finite:
        attributes.write_verdict(study, trial, not_finite(curve))
        return True
    steps = attributes.read(trial).final_steps
    settings = Settings(final_steps=steps, stale_after=stale_after)
    history = recent_history(study, trial, settings)
    reason = forestalled_by(history, trial.number)
    if reason is None:
        return False
    attributes.write(study, trial, became="surplus", role="surplus", reason=reason)
    return True
