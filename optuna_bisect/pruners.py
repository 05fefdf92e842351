"""The pruners: they stop a run as soon as its loss curve gives a verdict, and record why."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from optuna.pruners import BasePruner

from optuna_bisect._checks import check_direction, check_not_negative
from optuna_bisect.decisions.roles import forestalled_by
from optuna_bisect.search.evidence import Probe, initial_loss
from optuna_bisect.search.running import answer, led_by_running, running_probes
from optuna_bisect.study import attributes
from optuna_bisect.study.finished import curve_of
from optuna_bisect.study.history import recent_history
from optuna_bisect.study.parameter import find_rate_name
from optuna_bisect.study.settings import Settings
from optuna_bisect.verdicts.classifier import classify, not_finite
from optuna_bisect.workers.heartbeat_guard import note_alive

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.history import History
    from optuna_bisect.verdicts.classifier import Verdict, VerdictName
    from optuna_bisect.verdicts.curve import Curve

# A running probe that others are cut against has run at least this share of a probe.
LEADER_SHARE = 0.25


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
        check_not_negative("n_warmup_steps", n_warmup_steps)
        check_direction(report_direction)
        self._n_warmup_steps = n_warmup_steps
        self._report_direction = report_direction

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Judge the reports so far.

        Args:
            study: The study.
            trial: The running trial.

        Returns:
            Whether to stop; the verdict is recorded before that.
        """
        attrs = attributes.read(trial)
        if attrs.role == "surplus":
            return True
        if trial.last_step is None or trial.last_step < self._n_warmup_steps:
            return False
        attributes.write(study, trial, report_direction=self._report_direction)
        note_alive(study, trial, attrs.stale_after)
        if attrs.role == "final":
            return prune_final(study, trial, Settings(stale_after=attrs.stale_after))
        return self._prune_probe(study, trial, attrs)

    def _prune_probe(self, study: Study, trial: FrozenTrial, attrs: attributes.Attrs) -> bool:
        settings = Settings(report_direction=self._report_direction)
        history = recent_history(study, trial, settings)
        name = history.param_name or find_rate_name([trial.distributions])
        rate = trial.params.get(name or "")
        probe_steps = attrs.probe_steps if attrs.role == "probe" else None
        curve = curve_of(trial, history.report_sign)
        if not isinstance(rate, float):
            return _end_without_rate(study, trial, history, curve, probe_steps)
        is_patient = attrs.question == "deepen"
        verdict = judge_curve(history, curve, rate, probe_steps, is_patient=is_patient)
        if verdict is None and attrs.role == "probe":
            own = Probe(trial.number, rate, curve, is_full=False, question=attrs.question)
            verdict, judge = judge_beside(history, own)
            attributes.write(study, trial, judge=judge)
        is_over = probe_steps is not None and curve.horizon >= probe_steps
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


def judge_curve(
    history: History,
    curve: Curve,
    rate: float,
    probe_steps: int | None,
    *,
    is_patient: bool = False,
) -> Verdict | None:
    """Judge a running curve against everything that finished before.

    Args:
        history: The study without the running trial.
        curve: Its reports, lower is better.
        rate: Its rate.
        probe_steps: Where its probe ends, None if it has no such end.
        is_patient: Whether a run that looks flat is left to run to its end.

    Returns:
        The verdict, None while there is none.
    """
    evidence = history.evidence()
    probes = evidence.probes if evidence else ()
    return classify(
        curve,
        rate,
        initial=initial_loss([*probes, Probe(-1, rate, curve)]),
        incumbent=evidence.reference if evidence else None,
        probe_steps=probe_steps,
        is_patient=is_patient,
        sign=history.report_sign,
    )


def judge_beside(history: History, own: Probe) -> tuple[Verdict | None, int | None]:
    """Judge a running probe by what others have found since it began, or find at this moment.

    Args:
        history: The study without the running probe.
        own: The running probe.

    Returns:
        The verdict, None while there is none, and the number of the running probe that led to it,
        None where finished ones did.
    """
    evidence = history.evidence()
    found = answer(evidence, own) if evidence is not None else None
    if evidence is None or found is not None:
        return found, None
    least = LEADER_SHARE * (history.probe_steps or 0)
    led = led_by_running(evidence, running_probes(history.running, least))
    if led is evidence or led.incumbent is None:
        return None, None
    found = classify(
        own.curve,
        own.rate,
        initial=led.initial,
        incumbent=led.reference,
        probe_steps=history.probe_steps,
        sign=history.report_sign,
    )
    return found, None if found is None else led.incumbent.number


def _end_without_rate(
    study: Study, trial: FrozenTrial, history: History, curve: Curve, probe_steps: int | None
) -> bool:
    """End a probe at its length also where it went a way that has no rate, unless all did."""
    if history.param_name is None or probe_steps is None or curve.horizon < probe_steps:
        return False
    reason = f"no verdict: the trial has no {history.param_name!r}, which is what is bisected"
    attributes.write(study, trial, reason=reason)
    return True


def prune_final(study: Study, trial: FrozenTrial, settings: Settings) -> bool:
    """Stop divergence only, and a final trial that another one has forestalled.

    Args:
        study: The study.
        trial: The running final trial.
        settings: With ``stale_after``, where it is known.

    Returns:
        Whether to stop; why is recorded before that.
    """
    curve = curve_of(trial, 1)
    if not curve.is_finite:
        attributes.write_verdict(study, trial, not_finite(curve))
        return True
    history = recent_history(study, trial, settings)
    reason = forestalled_by(history, trial.number)
    if reason is None:
        return False
    attributes.write(study, trial, role="surplus", reason=reason)
    return True
