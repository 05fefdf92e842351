"""The sampler: a thin shell around the search, the roles and the winner."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optuna import TrialPruned
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import TrialState

from optuna_bisect._checks import check_steps, check_type
from optuna_bisect._guarded_pruner import guard_pruner
from optuna_bisect._logger import logger
from optuna_bisect.decisions import rate_name
from optuna_bisect.decisions.winner import plan_warm_start
from optuna_bisect.study.settings import Settings, check_sampler, check_single_objective
from optuna_bisect.trials import attributes, internals
from optuna_bisect.workers.exit_guard import fail_at_exit
from optuna_bisect.workers.heartbeat_guard import guard, is_lost
from optuna_bisect.workers.journal_guard import guard_journal
from optuna_bisect.workers.role_claim import say_surplus, take_role
from optuna_bisect.workers.suggestion import choose_other, choose_rate
from optuna_bisect.workers.trial_end import give_params, record_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

# Share of the full run that a probe gets where only the full length is given.
DEFAULT_PROBE_SHARE = 1 / 50


class BisectionSampler(BaseSampler):
    """Finds the learning rate by bisection in log space, then runs one final trial with it.

    The range of the rate is the user's distribution, which is never left. Other parameters go to
    ``independent_sampler``. The sampler keeps settings only: every decision is computed from the
    study's storage, so that any worker, new or restarted, makes the same one.

    Args:
        param_name: Name of the rate. None: a log-scale float with a known name (``lr``,
            ``learning_rate``, ...) as soon as any trial has one, else the first log-scale float.
        probe_steps: Length of a probe in the steps that the objective reports. None:
            ``final_steps // 50``.
        final_steps: Length of the full run in steps. With a known probe length that differs, the
            study ends with one final trial of that length; None: there is no final trial. A
            finished study that is resumed with a greater length runs one more.
        horizon_exponent: Power by which the best constant rate falls with the length of a run, in
            [0, 1]. What the final trial is given takes less or more of it, by its schedule and by
            what the curves of the probes show; 0: no correction.
        max_probes: Number of probes after which the final trial is started in any case. Those
            of workers that had nothing better to ask count only beyond three times as many.
        independent_sampler: Sampler of all other parameters; random by default, TPE for several
            configurations. None that ends the study by itself, as GridSampler does.
        stale_after: Seconds without a sign of life after which a running trial counts as dead.
            Must exceed the longest gap between reports. None: never.
        seed: Seed of the other parameters and of ``trial_plan(trial).seed``. None: derived from
            the study's name, the same for all workers.
        report_direction: ``"minimize"`` or ``"maximize"`` where reports have another direction
            than the returned value, and the pruner does not say so already.
        final_schedule: Schedule of the full run where the objective brings one of its own:
            ``"constant"``, ``"cosine"``, ``"linear"``, ``"wsd"`` (constant, then a decay over the
            last fifth), ``"decay"`` (any other that ends near zero), or the share of the run in
            which the rate decays, in [0, 1]. None: what ``BisectionLR.for_trial`` will do, where
            the objective uses it; else a rate between those for a constant and a decaying run.
        warm_start: Rate of the first probe, where an earlier search gives one: the search then
            begins with its neighbours. None: the middle of the range. See ``from_study``.
        n_configurations: For how many configurations, that is values of all other parameters, a
            rate is searched. A search holds its configuration still; the final trial trains the
            best one. Above 1 ``final_steps`` is needed.
        group_by: Names of the parameters whose values want rates of their own: a search begins
            where those with the same values ended. None: the categorical ones whose best rates
            turn out to differ.
        n_rungs: Number of probe lengths. On each rung above the first the best third of the
            configurations goes on, with probes three times as long that begin at the rates found
            so far (successive halving). 1: all is decided by probes of one length.

    Raises:
        ValueError: On settings outside their range; from the first trial on where the study has
            more than one objective or the named parameter is no float.

    Example:
        >>> import optuna
        >>> study = optuna.create_study(sampler=BisectionSampler())
        >>> study.optimize(lambda t: abs(t.suggest_float("lr", 1e-6, 1, log=True) - 1e-2), 20)
    """

    def __init__(
        self,
        param_name: str | None = None,
        *,
        probe_steps: int | None = None,
        final_steps: int | None = None,
        horizon_exponent: float = 0.32,
        max_probes: int = 12,
        independent_sampler: BaseSampler | None = None,
        stale_after: float | None = None,
        seed: int | None = None,
        report_direction: str | None = None,
        final_schedule: str | float | None = None,
        warm_start: float | None = None,
        n_configurations: int = 1,
        group_by: Sequence[str] | None = None,
        n_rungs: int = 1,
    ) -> None:
        probe_steps, final_steps = check_steps(probe_steps, final_steps)
        check_sampler(independent_sampler)
        if probe_steps is None and final_steps is not None:
            probe_steps = max(1, round(final_steps * DEFAULT_PROBE_SHARE))
        self._settings = Settings(
            param_name=param_name,
            probe_steps=probe_steps,
            final_steps=final_steps,
            horizon_exponent=horizon_exponent,
            max_probes=max_probes,
            stale_after=stale_after,
            seed=seed,
            report_direction=report_direction,
            final_schedule=final_schedule,
            warm_start=warm_start,
            n_configurations=n_configurations,
            group_by=group_by,
            n_rungs=n_rungs,
        )
        default = TPESampler if self._settings.n_configurations != 1 else RandomSampler
        own = default(seed=self._settings.seed)
        self._independent_sampler = own if independent_sampler is None else independent_sampler

    @classmethod
    def from_study(cls, previous: Study, **settings: Any) -> BisectionSampler:
        """Start from what an earlier study of a similar task found.

        Args:
            previous: A study with a winner.
            settings: Arguments of the constructor.

        Returns:
            A sampler whose first probe runs at the earlier winner's rate, corrected where the
            new probes have another length.

        Raises:
            ValueError: If the earlier study has no winner.
            TypeError: If it is no study.
        """
        check_type("previous", previous, Study, "an Optuna study")
        sampler = cls(**settings)
        known = sampler._settings
        start = plan_warm_start(previous, known.probe_steps, known.horizon_exponent)
        sampler._settings = replace(known, warm_start=start)
        return sampler

    def reseed_rng(self) -> None:
        """Reseed the sampler of the other parameters; the search itself is deterministic."""
        self._independent_sampler.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return no space: every parameter is sampled on its own."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return no parameters."""
        check_single_objective(study)
        return {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Give the trial its role and write its plan."""
        try:
            check_single_objective(study)
            self._independent_sampler.before_trial(study, trial)
            guard_pruner(study)
            guard_journal(study)
            fail_at_exit(study, trial)
            decision = take_role(study, trial, self._settings, self._independent_sampler)
            guard(study, trial)
        except BaseException:
            # Raising alone would leave the trial RUNNING for ever.
            internals.fail(study, trial)
            raise
        if decision.role == "surplus":
            say_surplus(study, trial, decision)
            _stop(study)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Choose the rate by the trial's role, and let the other sampler choose the rest."""
        check_single_objective(study)
        attrs = attributes.read(trial)
        if attrs.role == "surplus" and internals.in_optimize(study):
            give_params(study, trial)
            raise TrialPruned(attrs.reason)
        rate = choose_rate(study, trial, param_name, param_distribution, self._settings)
        if rate is not None:
            return rate
        return choose_other(
            study,
            trial,
            param_name,
            param_distribution,
            stale_after=self._settings.stale_after,
            sampler=self._independent_sampler,
        )

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Record the verdict or reason that is still missing; stop the study when it is done."""
        self._independent_sampler.after_trial(study, trial, state, values)
        if is_lost(study, trial):
            return
        value = values[0] if values else None
        record_end(study, trial, self._settings, state, value)
        role = attributes.read(trial).role
        is_finite = value is not None and math.isfinite(value)
        if role == "surplus" or (role == "final" and state == TrialState.COMPLETE and is_finite):
            _stop(study)
        if role != "surplus" and state in (TrialState.COMPLETE, TrialState.PRUNED):
            said = rate_name.check_late(
                trial, internals.all_trials(study), self._settings.param_name
            )
            if said is not None:
                logger.warning(said)


def _stop(study: Study) -> None:
    """Stop the study; under ask-and-tell there is nothing to stop."""
    with contextlib.suppress(RuntimeError):
        study.stop()
