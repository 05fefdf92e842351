"""How a study spends its budget of updates, and the configuration that it recommends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

import optuna_bisect as ob
from optuna_bisect.decisions.final_plan import plan_final
from optuna_bisect.decisions.searches import leader_of
from optuna_bisect.search.horizon import EXPONENT
from optuna_bisect.study.reading import read_history
from optuna_bisect.study.settings import Settings
from studies.configurations.smac_facade import run_smac
from studies.configurations.tasks import Config, Found
from studies.configurations.training import N_REPORTS, cosine, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

    from studies.configurations.tasks import Task

# Budgets in full runs.
BUDGETS = (1, 3, 10)
# For short runs: the share of a full run that each gets, by budget: 20, 30 and 40 trials.
SHORT = {1: 0.05, 3: 0.1, 10: 0.25}
# For ours: the share of a full run that a probe gets, how many configurations, and how many
# lengths of probes, by budget. A configuration costs about one and a half probes.
PLANS = {1: (0.02, 12, 2), 3: (0.02, 30, 3), 10: (0.03, 80, 3)}


class Usual:
    """A study of full runs with a cosine, whose pruner stops the worse ones."""

    def __init__(
        self, sampler: Callable[[int], BaseSampler], pruner: Callable[[], BasePruner]
    ) -> None:
        self._sampler, self._pruner = sampler, pruner

    def __call__(self, task: Task, seed: int, budget: int) -> Found:
        """Spend a budget of full runs."""
        n_paid = 0

        def objective(trial: optuna.Trial) -> float:
            nonlocal n_paid
            config, lr = task.suggest(trial)
            loss, before = math.inf, 0
            for i, (step, loss) in enumerate(
                train(task, config, lr, seed, task.n_steps, shape=cosine)
            ):
                n_paid, before = n_paid + step - before, step
                if not math.isfinite(loss):
                    raise optuna.TrialPruned
                # Resources are counted in reports.
                trial.report(loss, i)
                if n_paid >= budget * task.n_steps:
                    trial.study.stop()
                    raise optuna.TrialPruned
                if trial.should_prune():
                    raise optuna.TrialPruned
            return loss

        study = optuna.create_study(sampler=self._sampler(seed), pruner=self._pruner())
        study.optimize(objective)
        best = min(study.trials, key=_by_length_and_loss)
        return Found(_config_of(best), best.params["lr"], n_paid)


class Short:
    """A study of short runs, each with a cosine of its own length: what a small budget invites."""

    def __init__(self, sampler: Callable[[int], BaseSampler]) -> None:
        self._sampler = sampler

    def __call__(self, task: Task, seed: int, budget: int) -> Found:
        """Spend a budget of full runs."""
        n_steps = round(SHORT[budget] * task.n_steps)

        def objective(trial: optuna.Trial) -> float:
            config, lr = task.suggest(trial)
            *_, (_, loss) = train(task, config, lr, seed, n_steps, shape=cosine)
            return loss if math.isfinite(loss) else math.inf

        n_trials = budget * task.n_steps // n_steps
        study = optuna.create_study(sampler=self._sampler(seed))
        study.optimize(objective, n_trials)
        best = study.best_trial
        return Found(_config_of(best), best.params["lr"], n_trials * n_steps)


def _by_length_and_loss(trial: FrozenTrial) -> tuple[int, float]:
    """Order trials as successive halving does: what ran longer first, then what is lower."""
    last = trial.last_step
    if last is None:
        return 0, math.inf
    return -last, trial.intermediate_values[last]


def _config_of(trial: FrozenTrial) -> Config:
    return Config(*(trial.params[name] for name in Config._fields))


class Ours:
    """A study of short probes that searches the rate of each configuration."""

    def __init__(self, sampler: Callable[[int], BaseSampler]) -> None:
        self._sampler = sampler

    def __call__(self, task: Task, seed: int, budget: int) -> Found:
        """Search as many configurations as the budget allows, with probes as long."""
        share, n_configurations, n_rungs = PLANS[budget]
        n_paid, limit = 0, budget * task.n_steps

        def objective(trial: optuna.Trial) -> float:
            nonlocal n_paid
            config, lr = task.suggest(trial)
            plan = ob.trial_plan(trial)
            if plan.is_final:
                return 0.0
            loss, before = math.inf, 0
            for step, loss in train(task, config, lr, seed, plan.n_steps):
                n_paid, before = n_paid + step - before, step
                trial.report(loss, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
                if n_paid >= limit:
                    trial.study.stop()
                    raise optuna.TrialPruned
            return loss

        sampler = ob.BisectionSampler(
            probe_steps=round(share * task.n_steps),
            final_steps=task.n_steps,
            n_configurations=n_configurations,
            n_rungs=n_rungs,
            independent_sampler=self._sampler(seed),
            final_schedule="cosine",
            seed=seed,
        )
        study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())
        study.optimize(objective)
        return _recommend(study, n_paid)


def _recommend(study: optuna.Study, n_paid: int) -> Found:
    """Take what a final trial would be given, also where the budget cut the search short."""
    # What the full run does, the sampler knows and the storage does not.
    best = leader_of(read_history(study, Settings(final_schedule="cosine")))
    plan = plan_final(best.history, best.outcome._replace(is_over=True), EXPONENT)
    if plan is None:
        raise RuntimeError(f"no winner after {len(study.trials)} trials")
    return Found(Config(**best.held), plan.lr, n_paid)


METHODS = {
    "tpe-median": Usual(lambda seed: TPESampler(seed=seed), MedianPruner),
    "tpe-hyperband": Usual(
        lambda seed: TPESampler(seed=seed), lambda: HyperbandPruner(1, N_REPORTS)
    ),
    "gp-median": Usual(lambda seed: GPSampler(seed=seed), MedianPruner),
    "qmc-halving": Usual(
        lambda seed: QMCSampler(seed=seed, scramble=True), SuccessiveHalvingPruner
    ),
    "tpe-short": Short(lambda seed: TPESampler(seed=seed)),
    "smac-hyperband": run_smac,
    "ours-tpe": Ours(lambda seed: TPESampler(seed=seed)),
    "ours-random": Ours(lambda seed: RandomSampler(seed=seed)),
}
