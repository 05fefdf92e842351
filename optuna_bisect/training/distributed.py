"""Several processes that train one model: the first decides, the others follow."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import torch.distributed as dist
from optuna.trial import FixedTrial

from optuna_bisect.training.options import calling_object

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from optuna_bisect.feedback.state import Losses
    from optuna_bisect.study.trial_plan import TrialPlan

T = TypeVar("T")

# Seconds that a process waits for the others where all of them have to come by.
PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.01
_ONE_RUN_EACH = "where each process has a run of its own, give it sync=False"


def is_group() -> bool:
    """Tell whether this process is one of several in a process group of torch."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def share(losses: Losses, lr: float) -> Losses:
    """Return the losses that rank 0 saw, on every rank.

    The engine is a pure function of the losses, so that equal losses make equal moves. One
    broadcast at the end of each interval.

    Raises:
        RuntimeError: If the ranks are at different rates or steps: then their runs are not one.
    """
    first, first_lr = broadcast((losses, lr))
    if (losses.step, lr) != (first.step, first_lr):
        raise RuntimeError(
            f"BisectionLR follows rank 0, which is at step {first.step} with the rate "
            f"{first_lr:.6g}, but rank {dist.get_rank()} is at step {losses.step} with {lr:.6g}; "
            f"{_ONE_RUN_EACH}."
        )
    return first


def share_plan(plan: TrialPlan, trial: BaseTrial, *, sync: bool) -> TrialPlan:
    """Return a trial's plan; in a group that trains one model, the one that rank 0 has.

    Trainers that search on rank 0 give the other ranks a ``FixedTrial`` with its parameters, which
    knows no plan.

    Raises:
        RuntimeError: If the ranks have different plans: then their runs are not one.
    """
    if not is_group():
        return plan
    is_fixed = isinstance(trial, FixedTrial)
    if not sync:
        return replace(plan, role="final") if is_fixed else plan
    meet("BisectionLR.for_trial")
    first = broadcast(plan)
    if not is_fixed and plan != first:
        raise RuntimeError(
            f"BisectionLR.for_trial follows rank 0, whose trial is {first}, but rank "
            f"{dist.get_rank()} has {plan}; {_ONE_RUN_EACH}."
        )
    return first


def meet(where: str) -> None:
    """Wait until every process has come by as often as this one.

    A broadcast that one rank alone takes part in hangs for half an hour, or takes what was sent
    for another one. So the ranks first look for each other in the store of the process group.

    Raises:
        RuntimeError: If another one does not come within half a minute.
    """
    get_store = getattr(dist.group.WORLD, "get_group_store", None)
    if get_store is None:  # torch before 2.6
        return
    store, rank = get_store(), dist.get_rank()
    keys = [f"optuna_bisect/{where}/{other}" for other in range(dist.get_world_size())]
    n_own, end = store.add(keys[rank], 1), time.monotonic() + PATIENCE_SECONDS
    while late := [r for r, key in enumerate(keys) if store.add(key, 0) < n_own]:
        if time.monotonic() > end:
            raise RuntimeError(
                f"{where} was called on rank {rank} but not on {late} of {len(keys)} processes "
                f"within {PATIENCE_SECONDS:.0f} s: it is to be called on every rank of a run that "
                f"they share; {_ONE_RUN_EACH}."
            )
        time.sleep(_PAUSE_SECONDS)


def refuse_repeats() -> None:
    """Refuse a wrapper that calls ``step`` once a process after each update.

    Accelerate's prepared scheduler does, so that the run would end after 1/n of its length.

    Raises:
        RuntimeError: If the calling method belongs to one that will repeat its calls.
    """
    wrapper = calling_object()
    if type(wrapper).__name__ != "AcceleratedScheduler" or not is_group():
        return
    if getattr(wrapper, "step_with_optimizer", True) and not getattr(wrapper, "split_batches", 0):
        raise RuntimeError(
            f"Accelerate steps a prepared scheduler {dist.get_world_size()} times an update, once "
            "a process, and BisectionLR counts every call. Do not prepare it: call its step after "
            "optimizer.step(), on every process; or make the Accelerator with "
            "step_scheduler_with_optimizer=False."
        )


def broadcast(value: T) -> T:
    """Return the value of rank 0 on every rank."""
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]
