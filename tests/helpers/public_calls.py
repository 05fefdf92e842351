"""Every public argument, with a small use of it from the construction to the end of a study."""

from __future__ import annotations

import contextlib
import copy
import inspect
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import optuna
import torch

import optuna_bisect as ob
from optuna_bisect import dashboard, visualization
from optuna_bisect.adjuster import BisectionLR, Diverged
from optuna_bisect.feedback.schedule import Schedule
from optuna_bisect.feedback.settings import Settings
from optuna_bisect.visualization import matplotlib

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH, EVERY = 24, 4
STEPS = {"probe_steps": 9, "final_steps": LENGTH, "max_probes": 2}
PRUNERS = (ob.VerdictPruner, ob.OvershootPruner, ob.UndershootPruner)
PLAN: dict[str, Any] = {
    "bracket": ob.Bracket(1e-3, 1.0),
    "start_lr": 0.1,
    "probe_steps": 9,
    "final_steps": LENGTH,
    "interval_steps": 1,
}


def make_optimizer() -> torch.optim.Optimizer:
    """Return an optimizer of one parameter."""
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def search(
    storage: optuna.storages.BaseStorage,
    sampler: optuna.samplers.BaseSampler | None = None,
    pruner: optuna.pruners.BasePruner | None = None,
    begin: Callable[[optuna.Trial], Any] = lambda trial: None,
) -> optuna.Study:
    """Run a small study to its end; ``begin`` is called in each trial and may return a scheduler.

    Nothing is caught but what a user is told about a name that no parameter has.
    """
    study = optuna.create_study(
        storage=storage,
        study_name=uuid.uuid4().hex,
        sampler=sampler or ob.BisectionSampler(**STEPS),
        pruner=pruner or ob.VerdictPruner(),
    )

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
        other = trial.suggest_float("momentum", 0.0, 1.0)
        scheduler = begin(trial)
        loss = 2.0
        for step in range(0, LENGTH, EVERY):
            loss = 2.0 - min(lr, 0.03) * step - 0.01 * other
            if scheduler is not None:
                scheduler.step(loss)
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    try:
        study.optimize(objective, n_trials=3)
    finally:
        running = [t for t in study.trials if t.state == optuna.trial.TrialState.RUNNING]
        assert not running, f"left RUNNING: {running}"
    return study


def train(scheduler: BisectionLR, storage: object = None) -> None:
    """Train to the end, save and load; the loss does not depend on the rate."""
    scheduler.optimizer.step()
    for step in range(LENGTH):
        scheduler.step(2.0 / (step + 1), 1.0)
    scheduler.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    assert all(isinstance(float(lr), float) for lr in scheduler.get_last_lr())


def _sampler(name: str, value: Any) -> Any:
    sampler = ob.BisectionSampler(**(STEPS | {name: value}))

    def use(storage: optuna.storages.BaseStorage) -> None:
        # The only mistake that no constructor can see.
        is_name = allowed("param_name must name a parameter")
        with is_name if name == "param_name" else contextlib.nullcontext():
            search(storage, sampler)

    return use


@contextlib.contextmanager
def allowed(text: str) -> Any:
    """Allow a ValueError that begins so."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(text):
            raise


def _pruner(kind: type[ob.VerdictPruner], name: str, value: Any) -> Any:
    pruner = kind(**{name: value})
    return lambda storage: search(storage, pruner=pruner)


def _scheduler(name: str, value: Any) -> Any:
    options = {"optimizer": make_optimizer()} | PLAN | {name: value}
    scheduler = BisectionLR(options.pop("optimizer"), options.pop("bracket"), **options)
    return partial(train, scheduler)


def _for_trial(name: str, value: Any) -> Any:
    """Whether an option is refused must be known in the first probe, not after the search."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS))
    optimizer = make_optimizer()
    trial = study.ask()
    trial.suggest_float("lr", 1e-4, 1.0, log=True)
    BisectionLR.for_trial(**({"optimizer": optimizer, "trial": trial} | {name: value}))

    def use(storage: optuna.storages.BaseStorage) -> None:
        begin = {"optimizer": make_optimizer()} | {name: value}
        search(storage, begin=lambda trial: BisectionLR.for_trial(trial=trial, **begin))

    return use if name not in ("optimizer", "trial") else lambda storage: None


def _step(name: str, value: Any) -> Any:
    scheduler = BisectionLR(make_optimizer(), **PLAN)
    scheduler.optimizer.step()
    with contextlib.suppress(Diverged):
        scheduler.step(**({"train_loss": 1.0} | {name: value}))
        return partial(train, scheduler)
    return lambda storage: None


def _load(name: str, value: Any) -> Any:
    scheduler = BisectionLR(make_optimizer(), **PLAN)
    before = scheduler.state_dict()
    try:
        scheduler.load_state_dict(value if name == "state_dict" else before | {name: value})
    except (TypeError, ValueError):
        assert scheduler.state_dict() == before
        raise
    return partial(train, scheduler)


def _call(function: Callable[..., Any], name: str, value: Any, /, **others: Any) -> Any:
    function(**(others | {name: value}))
    return lambda storage: None


def _arguments(function: Callable[..., Any], *left_out: str) -> list[str]:
    return [n for n in inspect.signature(function).parameters if n not in ("self", *left_out)]


def _collect() -> dict[str, Callable[[Any], Any]]:
    """Return what is done with one odd value, by ``function(argument)``."""
    calls: dict[str, Callable[[Any], Any]] = {}

    def add(label: str, names: list[str], use: Callable[[str, Any], Any]) -> None:
        calls.update({f"{label}({name})": partial(use, name) for name in names})

    add("BisectionSampler", _arguments(ob.BisectionSampler), _sampler)
    for pruner in PRUNERS:
        add(pruner.__name__, _arguments(pruner), partial(_pruner, pruner))
    feedback = _arguments(Settings)
    options = [*_arguments(BisectionLR, "options"), *feedback]
    add("BisectionLR", options, _scheduler)
    add("BisectionLR.for_trial", ["trial", *options], _for_trial)
    add("BisectionLR.step", ["train_loss", "val_loss"], _step)
    state = ["state_dict", "last_epoch", "state", "log", "meter"]
    add("BisectionLR.load_state_dict", state, _load)
    add("Settings", feedback, partial(_call, Settings))
    schedule = {k: v for k, v in PLAN.items() if k not in ("bracket", "interval_steps")}
    add("Schedule", _arguments(Schedule), partial(_call, Schedule, **schedule))
    add("Bracket", ["low", "high"], partial(_call, ob.Bracket, low=1e-3, high=1.0))
    bracket = ob.Bracket(1e-3, 1.0)
    add("Bracket.clamp", ["rate"], partial(_call, bracket.clamp))
    add("Bracket.split", ["k"], partial(_call, bracket.split))
    add("Bracket.narrow", ["low", "high"], partial(_call, bracket.narrow))
    calls["Bracket.__contains__(rate)"] = lambda value: _call(
        lambda rate: rate in bracket, "rate", value
    )
    verdict = {"name": "balanced", "confidence": 0.9, "reason": "why"}
    add("Verdict", list(verdict), partial(_call, ob.Verdict, **verdict))
    add("Diverged", ["step", "lr"], partial(_call, Diverged, step=1, lr=0.1))
    add("TrialPlan", _arguments(ob.TrialPlan), partial(_call, ob.TrialPlan, role="probe"))
    winner = dict.fromkeys(_arguments(ob.Winner))
    add("Winner", list(winner), partial(_call, ob.Winner, **winner))
    add("trial_plan", ["trial"], partial(_call, ob.trial_plan))
    add("find_winner", ["study"], partial(_call, ob.find_winner))
    add("diagnose", ["study"], partial(_call, ob.diagnose))
    six = list(range(6))
    series: dict[str, Any] = dict.fromkeys(("steps", "train_losses", "val_losses"), six)
    others = {"initial": None, "best": None}
    add("judge_fit", [*series, *others], partial(_call, ob.judge_fit, **series, **others))
    fit = {"name": "good fit", "reason": "why", "best_step": 1, "best_val_loss": 0.1}
    add("Fit", list(fit), partial(_call, ob.Fit, **fit))
    add("from_study", ["previous"], partial(_call, ob.BisectionSampler.from_study))
    for plot in (visualization.plot_bracket, visualization.plot_curves,
                 visualization.plot_configurations, visualization.plot_parallel_coordinate,
                 visualization.plot_response, visualization.plot_adjustment,
                 dashboard.publish):  # fmt: skip
        add(plot.__name__, ["study"], partial(_call, plot))
    for plot in (matplotlib.plot_bracket, matplotlib.plot_curves):
        add(f"matplotlib.{plot.__name__}", ["study"], partial(_call, plot))
    return calls


PUBLIC_CALLS = _collect()
