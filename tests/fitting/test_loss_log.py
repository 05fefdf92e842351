"""A log of both losses keeps few pairs, the exact best one, and waits for no device."""

from __future__ import annotations

import copy
import itertools
import math

import torch

from optuna_bisect.fitting.loss_log import MAX_POINTS, LossLog


def fill(log: LossLog, begin: int, end: int, every: int = 3) -> LossLog:
    for step in range(begin, end):
        val = (step - 700) ** 2 / 1e6 + 1 if step % every == 0 else None
        log.add(step, 1 / (1 + step), val)
    return log


def test_a_long_run_keeps_few_points_in_order_and_the_very_best() -> None:
    record = fill(LossLog(), 0, 6000).to_record()
    steps = [step for step, _, _ in record["points"]]
    assert MAX_POINTS / 2 < len(steps) <= MAX_POINTS + 2
    assert 699 in steps
    even = [step for step in steps[:-1] if step != 699]
    assert len({b - a for a, b in itertools.pairwise(even)}) == 1
    assert steps[-1] == 5997
    assert record["best"] == [699, 1.0]
    assert record["first"] == 1.0


def test_the_training_loss_of_a_point_is_the_mean_since_the_last_validation() -> None:
    log = LossLog()
    for step, loss in enumerate((5.0, 3.0, 1.0, 2.0), start=1):
        log.add(step, loss, 0.5 if step % 2 == 0 else None)
    assert log.to_record()["points"] == [[2, 4.0, 0.5], [4, 1.5, 0.5]]


def test_losses_that_are_not_finite_leave_no_point_and_are_never_the_best() -> None:
    log = LossLog()
    for step, val in enumerate((math.inf, 0.5, math.nan), start=1):
        log.add(step, 1.0, val)
    log.add(4, math.nan, 0.1)
    assert log.to_record()["points"] == [[2, 1.0, 0.5]]
    assert LossLog().to_record() is None


def test_a_resumed_log_equals_an_unbroken_one() -> None:
    first = fill(LossLog(), 0, 1000)
    second = fill(LossLog.from_state_dict(first.state_dict()), 1000, 3000)
    assert second.to_record() == fill(LossLog(), 0, 3000).to_record()


def test_a_state_in_memory_stays_as_it_was_when_taken_and_may_be_taken_again() -> None:
    """The best weights of a run are often kept so."""
    log = fill(LossLog(), 0, 10)
    state = log.state_dict()
    before = copy.deepcopy(state)
    fill(log, 10, 1000)
    assert state == before
    fill(LossLog.from_state_dict(state), 10, 1000).settle()
    assert state == before


def test_tensors_are_kept_as_they_were_although_the_very_same_one_is_refilled() -> None:
    log, train, val = LossLog(), torch.tensor(4.0), torch.tensor(2.0)
    log.add(1, train, val)
    train.fill_(1.0)
    val.fill_(9.0)
    log.add(2, train, val)
    assert log.to_record() == {"first": 4.0, "best": [1, 2.0], "points": [[1, 4, 2], [2, 1, 9]]}


def test_a_race_that_begins_again_forgets_all_but_the_first_loss() -> None:
    log = fill(LossLog(), 0, 100)
    log.begin_anew()
    assert log.to_record() is None
    assert log.first == 1.0
