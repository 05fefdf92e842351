"""What is compared: each method takes a task and a seed and returns its full run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optuna_bisect.training.options import ANNEAL_FRACTION
from studies.full_runs import ours, schedules
from studies.full_runs.adalrs import AdaLrs
from studies.full_runs.searches import find_by_tpe, range_test
from studies.full_runs.training import full_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from studies.full_runs.tasks import Task
    from studies.full_runs.training import Driver

HALF_DECADES = (0.1, 0.316, 1.0, 3.16, 10.0)


class Result(NamedTuple):
    """The rate of a full run, what it reached, and the updates paid for it, search included."""

    rate: float
    lowest: float
    last: float
    n_steps: int


class Method(NamedTuple):
    """A method.

    Attributes:
        label: What the table calls it.
        run: Takes task, seed and variant, the factor of the field's default rate.
        variants: The factors that it is run with.
    """

    label: str
    run: Callable[[Task, int, float], Result]
    variants: tuple[float, ...] = (1.0,)


def cosine(task: Task, seed: int, variant: float) -> Result:
    """Train with a cosine from a multiple of the field's default rate."""
    lr = variant * task.default_rate
    return Result(lr, *full_run(task, seed, lambda model: schedules.cosine(task, model, lr)))


def finder(task: Task, seed: int, variant: float) -> Result:  # noqa: ARG001
    """Take torch-lr-finder's suggestion as the highest rate of a one-cycle run."""
    lr, n_paid = range_test(task, seed)
    done = full_run(task, seed, lambda model: schedules.one_cycle(task, model, lr))
    return Result(lr, done.lowest, done.last, n_paid + done.n_steps)


def tpe(task: Task, seed: int, variant: float) -> Result:  # noqa: ARG001
    """Take the best of 20 probes of TPE with Hyperband for a cosine."""
    lr, n_paid = find_by_tpe(task, seed)
    done = full_run(task, seed, lambda model: schedules.cosine(task, model, lr))
    return Result(lr, done.lowest, done.last, n_paid + done.n_steps)


def adalrs(task: Task, seed: int, variant: float) -> Result:
    """Search within the run, from the field's default rate."""
    made: list[AdaLrs] = []

    def make(model: nn.Module) -> Driver:
        made.append(AdaLrs(task, model, variant * task.default_rate))
        return made[0]

    done = full_run(task, seed, make)
    return Result(made[0].peak, *done)


def rate_free(make: Callable[[Task, nn.Module], Driver]) -> Callable[[Task, int, float], Result]:
    """Make a method of a driver that needs no rate; its row has the optimizer's own."""

    def run(task: Task, seed: int, variant: float) -> Result:  # noqa: ARG001
        rates: list[float] = []

        def start(model: nn.Module) -> Driver:
            driver = make(task, model)
            rates.append(driver.optimizer.defaults["lr"])
            return driver

        done = full_run(task, seed, start)
        return Result(rates[0], *done)

    return run


def study(drive: ours.Drive, final_schedule: str | float) -> Callable[[Task, int, float], Result]:
    """Make a method of a study of this package.

    ``BisectionLR.for_trial`` would tell the sampler about its anneal, but a probe here trains
    without a scheduler, as that of a user with a cosine does.
    """

    def run(task: Task, seed: int, variant: float) -> Result:  # noqa: ARG001
        found = ours.Study(task, seed, drive, final_schedule)
        found.run()
        return Result(found.lr, found.final.lowest, found.final.last, found.n_paid)

    return run


def race(task: Task, seed: int, variant: float) -> Result:
    """Let the adjuster find the rate while it trains, from a multiple of the field's default."""
    lr = variant * task.default_rate
    return Result(lr, *full_run(task, seed, lambda model: ours.raced(task, model, lr)))


METHODS = {
    "cosine": Method("cosine", cosine, HALF_DECADES),
    "finder": Method("torch-lr-finder + one-cycle", finder),
    "prodigy": Method("Prodigy + cosine", rate_free(schedules.prodigy)),
    "schedule-free": Method("Schedule-Free", rate_free(schedules.ScheduleFree)),
    "mechanic": Method("Mechanic + cosine", rate_free(schedules.mechanic)),
    "adalrs": Method("AdaLRS (re-implemented)", adalrs),
    "tpe": Method("TPE 20 + Hyperband + cosine", tpe),
    "phase2": Method("ours, Phase 2", study(ours.adjusted, ANNEAL_FRACTION)),
    "own-cosine": Method("ours, own cosine", study(ours.with_own_cosine, "decay")),
    "race": Method("ours, no search, race", race, (0.1, 1.0, 10.0)),
}
