"""The options of ``BisectionLR``: their checks, their defaults, and how a plan becomes them."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from optuna.trial import FixedTrial
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, SequentialLR

from optuna_bisect._checks import (
    check_choice,
    check_positive,
    check_steps,
    check_type,
    number_of,
    shown,
    whole_of,
    wrong,
)
from optuna_bisect._logger import logger
from optuna_bisect.bracket import Bracket
from optuna_bisect.feedback.schedule import DECAYS
from optuna_bisect.training.param_groups import first_rate
from optuna_bisect.trials import internals
from optuna_bisect.trials.parameter import as_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import BaseTrial

    from optuna_bisect.study.trial_plan import TrialPlan

# Share of a run, at its end, in which the rate falls.
ANNEAL_FRACTION = 0.5
# The shortest leg of a race, in intervals.
_MIN_LEVELS = 8
# The longest leg, as a share of the run: in shorter runs there is no race.
_MAX_LEG = 0.1


def check_objects(optimizer: Any, bracket: object, restore: object) -> None:
    """Reject objects of a wrong kind; the numbers are checked where they are kept."""
    check_type("optimizer", optimizer, Optimizer, "a torch Optimizer")
    for group in optimizer.param_groups:
        # Some choose their steps themselves. A tensor of one element is a rate to torch.
        if as_rate(group.get("lr")) is None:
            raise wrong("the lr of each group", "be a number", group.get("lr"))
    if bracket is not None:
        check_type("bracket", bracket, Bracket, "a Bracket or None")
    if restore is not None and not (
        isinstance(restore, (tuple, list))
        and len(restore) == 2
        and all(hasattr(part, "load_state_dict") for part in restore)
        and not any(isinstance(part, type) for part in restore)
    ):
        raise wrong("restore", "be a pair (model, optimizer)", restore)


def check_chosen(plan: TrialPlan, optimizer: Any, chosen: Mapping[str, Any]) -> None:
    """Reject options of the final trial already in the first probe, which uses none of them."""
    bracket = chosen.get("bracket")
    check_objects(optimizer, bracket, chosen.get("restore"))
    if "start_lr" in chosen:
        start = check_positive("start_lr", chosen["start_lr"])
        if bracket is not None and start not in bracket:
            raise wrong("start_lr", f"lie in {bracket}", start)
    if "probe_steps" in chosen or "final_steps" in chosen:
        planned = {"probe_steps": plan.probe_steps, "final_steps": plan.final_steps}
        check_steps(**{name: chosen.get(name, steps) for name, steps in planned.items()})
    check_choice("decay", chosen.get("decay", "none"), DECAYS)


def check_loss(train_loss: float | torch.Tensor | None) -> float | torch.Tensor:
    """Return the loss; say how trainers give it where one called the scheduler without.

    A whole number is an epoch, as the schedulers of torch take one, and no loss.
    """
    if isinstance(train_loss, Integral):
        raise TypeError(
            "train_loss must be the training loss, a float or a tensor, but got the whole "
            f"number {shown(train_loss)}: step takes no epoch, and counts its calls. If this is "
            "the loss, give float(loss)."
        )
    if train_loss is None:
        raise TypeError(
            "BisectionLR.step needs train_loss, the training loss, but got None. Trainers get a "
            "callback that gives it, from optuna_bisect.integrations; in Lightning the scheduler "
            "may also be configured with 'reduce_on_plateau': True and 'monitor'."
        )
    return check_number_or_tensor("train_loss", train_loss)


def check_number_or_tensor(name: str, loss: object) -> float | torch.Tensor:
    """Return a loss, finite or not; a tensor stays on its device."""
    if isinstance(loss, torch.Tensor) and loss.numel() == 1 and not loss.is_complex():
        return loss
    found = None if isinstance(loss, torch.Tensor) else number_of(loss)
    if found is None:
        raise wrong(name, "be one number, or a tensor with one number", loss)
    return found


def check_losses(
    train_loss: float | torch.Tensor | None, val_loss: object
) -> tuple[float | torch.Tensor, float | torch.Tensor | None]:
    """Return both losses; there may be no validation loss."""
    loss = check_loss(train_loss)
    return loss, None if val_loss is None else check_number_or_tensor("val_loss", val_loss)


def check_last_epoch(state_dict: dict[str, Any]) -> int:
    """Return how many calls of ``step`` a saved state has seen."""
    check_type("state_dict", state_dict, dict, "what state_dict() returned")
    last_epoch = whole_of(state_dict.get("last_epoch"))
    if last_epoch is None or last_epoch < 0:
        raise wrong("state_dict", "come from state_dict()", state_dict)
    return last_epoch


def calling_object() -> object:
    """Return the object whose method called the method that asks by a function."""
    frame = inspect.currentframe()
    for _ in range(3):
        frame = None if frame is None else frame.f_back
    return None if frame is None else frame.f_locals.get("self")


def refuse_composite() -> None:
    """Refuse to be part of a composite scheduler, which calls ``step`` without a loss.

    It asks for the optimizer of each of its parts when it is made.

    Raises:
        ValueError: If the calling method belongs to one.
    """
    composite = calling_object()
    if not isinstance(composite, SequentialLR | ChainedScheduler):
        return
    raise ValueError(
        f"BisectionLR cannot be part of a {type(composite).__name__}, which calls step without "
        "the loss and sets the rate itself. For a warm-up give BisectionLR warmup_steps=; let it "
        "be the only scheduler of its optimizer."
    )


def check_length(n_calls: int, steps_per_call: int, final_steps: int | None) -> None:
    """Warn at the first call of ``step`` after the declared end of the run."""
    step = n_calls * steps_per_call
    if final_steps is not None and step - steps_per_call <= final_steps < step:
        logger.warning(
            f"BisectionLR.step was called {n_calls} times, which makes {step} steps, but "
            f"final_steps={final_steps}. If the run is so long, give final_steps= in the unit of "
            "these calls (steps_per_call= says how many steps one call is); the rate does not "
            "stay at 0."
        )


def in_group_units(
    plan: TrialPlan, trial: BaseTrial, optimizer: Optimizer
) -> tuple[TrialPlan, float]:
    """Turn a final trial's plan, made for the suggested rate, into rates of the first group.

    That group may have been made with a share of it, as a pretrained part often is, and the
    probes ran so.

    Returns:
        The plan, and the first group's rate as a multiple of the suggested one; 1.0 where the
        trial does not know that one, or the rate was made from another of the plan's.
    """
    suggested, group = plan.lr or plan.start_lr, optimizer.param_groups[0]
    if isinstance(trial, FixedTrial):
        values = [internals.fixed_rate(trial)]
    else:
        values = list(map(as_rate, trial.params.values()))
    made = [float(group[name]) for name in ("initial_lr", "lr") if name in group]
    known = [rate for rate in (plan.lr, plan.start_lr) if rate is not None]
    if suggested is None or min(suggested, made[0]) <= 0 or suggested not in values:
        return plan, 1.0
    # A rate that is a tensor has single precision.
    if any(math.isclose(a, b, rel_tol=1e-5) for a in made for b in known):
        return plan, 1.0
    unit, bracket = made[0] / suggested, plan.bracket
    if bracket is not None:
        bracket = Bracket(bracket.low * unit, bracket.high * unit)
    lr, start = (None if rate is None else rate * unit for rate in (plan.lr, plan.start_lr))
    return replace(plan, lr=lr, start_lr=start, bracket=bracket), unit


def plan_options(
    plan: TrialPlan, optimizer: Optimizer, chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Turn the plan of a final trial into arguments that the constructor accepts.

    A constant rate is the corrected one. Only a decay starts at the winner's own rate, which ruins
    some networks within a few steps (studies/LOG.md).

    Args:
        plan: The plan.
        optimizer: Its rate stands in where the plan has none.
        chosen: Options that the user gave; they take precedence.
    """
    start = plan.start_lr or first_rate(optimizer)
    if start <= 0:
        # Somebody overwrote it, or the range reaches below 0.
        start = first_rate(optimizer)
    if plan.lr is not None and plan.lr > 0 and chosen.get("decay", "none") == "none":
        start = plan.lr
    if chosen.get("bracket") is not None:
        start = chosen["bracket"].clamp(start)
    start = number_of(chosen.get("start_lr")) or start
    bracket, probe_steps = plan.bracket, plan.probe_steps
    if bracket is not None:
        # A corrected rate, or the next one after a final trial that diverged, may lie below.
        bracket = Bracket(min(bracket.low, start), max(bracket.high, start))
    if probe_steps is not None and plan.final_steps is not None:
        probe_steps = min(probe_steps, plan.final_steps)
    return {
        "bracket": bracket,
        "start_lr": start,
        "probe_steps": probe_steps,
        "final_steps": plan.final_steps,
        # Without a probe there is nothing to judge by.
        "feedback": chosen.get("probe_steps", probe_steps) is not None,
        # The search has found the rate; a race would pay for it a second time.
        "leg_fraction": 0.0,
        **chosen,
    }


def idle_options(optimizer: Optimizer, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a scheduler that leaves the rate as it is."""
    unknown = dict.fromkeys(("bracket", "probe_steps", "final_steps", "restore"))
    return {**chosen, **unknown, "start_lr": first_rate(optimizer)}


def default_interval(probe_steps: int | None, final_steps: int | None) -> int:
    """Return 1/100 of the run, at least 5 steps where that leaves 50 decisions; at least 1."""
    if final_steps is not None:
        return max(1, final_steps // 100, min(5, final_steps // 50))
    return 10 if probe_steps is None else max(1, probe_steps // 10)


def leg_levels(leg_fraction: float, interval_steps: int, final_steps: int | None) -> int:
    """Return how many intervals a leg of the race has; 0 where there is no room for a race."""
    if final_steps is None or leg_fraction == 0:
        return 0
    n_levels = max(_MIN_LEVELS, round(leg_fraction * final_steps / interval_steps))
    return n_levels if n_levels * interval_steps <= _MAX_LEG * final_steps else 0
