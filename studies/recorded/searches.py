"""The searches that are replayed, ours first; each takes a bench and returns its pick."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from studies.recorded.rivals import RIVALS, corrected
from studies.scaling.rounds import would_wait
from studies.shared.probe_searches import EXPONENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from studies.recorded.bench import Bench

MAX_TRIALS = 60


class FlippingPruner(VerdictPruner):
    """Records another verdict than the right one for a share of the runs that it judges."""

    def __init__(self, share: float, rng: Any) -> None:
        super().__init__()
        self._share, self._rng = share, rng

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Judge, then replace the record."""
        is_over = super().prune(study, trial)
        right = trial.user_attrs.get("bisect_verdict")
        if is_over and right is not None and self._rng.random() < self._share:
            others = [v for v in ("overshoot", "undershoot", "balanced") if v != right]
            wrong = others[int(self._rng.integers(2))]
            study._storage.set_trial_user_attr(trial._trial_id, "bisect_verdict", wrong)
        return is_over


def bisection(bench: Bench) -> float:
    """Search with this package; several workers report in turn."""
    schedule = "constant" if bench.setting.schedule == "constant" else "decay"
    sampler = BisectionSampler(seed=bench.seed, final_schedule=schedule, **bench.steps)
    pruner = FlippingPruner(bench.setting.flip, bench.rng)
    return search(optuna.create_study(sampler=sampler, pruner=pruner), bench)


def search(study: Study, bench: Bench) -> float:
    """Run a study on a bench until a final trial asks for its rate; NaN if none does."""
    workers = [_work(study, bench) for _ in range(bench.setting.workers)]
    while workers:
        for worker in workers.copy():
            found = next(worker, "done")
            if isinstance(found, float):
                return found
            if found == "done":
                workers.remove(worker)
    return math.nan


def _work(study: Study, bench: Bench) -> Iterator[float | None]:
    """Run trials as one worker; yield None after each report, and the final trial's rate."""
    while len(study.get_trials(deepcopy=False)) < MAX_TRIALS:
        yield from _wait(study)
        trial = study.ask()
        plan = trial_plan(trial)
        if plan.role == "surplus":
            study.tell(trial, state=TrialState.PRUNED)
            return
        lr = trial.suggest_float("lr", bench.low, bench.high, log=True)
        if plan.is_final:
            yield lr
        for _ in _report(trial, bench, lr):
            yield None
        study.tell(trial, state=TrialState.PRUNED)


def _wait(study: Study) -> Iterator[None]:
    """Wait as an idle worker does under ``optimize``: for the length of a probe at most."""
    trials = study.get_trials(deepcopy=False)
    ended = [t for t in trials if t.state.is_finished()]
    for _ in range(max((len(t.intermediate_values) for t in ended), default=0)):
        if not would_wait(study):
            return
        yield


def _report(trial: Trial, bench: Bench, lr: float) -> Iterator[None]:
    trial.report(bench.initial, 0)
    for i, loss in enumerate(bench.reports(lr), start=1):
        trial.report(loss, i * bench.steps_per_report)
        yield
        if trial.should_prune():
            return


METHODS: dict[str, Callable[[Bench], float]] = {"optuna_bisect": bisection}
for name, rival in RIVALS.items():
    METHODS |= {name: corrected(rival, 0.0), f"{name}+horizon": corrected(rival, EXPONENT)}
