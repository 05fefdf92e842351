"""The scheduler: what torch, a user and a trainer see of it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_fit import build, lr_of, make, reload, train

from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.training.divergence import Diverged

torch.set_num_threads(1)


def test_it_is_a_torch_scheduler_and_sets_the_start_rate_without_a_step():
    _, optimizer = build(0.5)
    scheduler = make(0.1, optimizer=optimizer)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    assert scheduler.get_last_lr() == [0.1]
    assert scheduler.last_epoch == 0
    assert scheduler.history == []


def test_the_open_loop_rate_is_constant_then_a_linear_anneal_to_zero():
    """With a race and without: what measured best for the final trial of a search."""
    scheduler = make(feedback=False)
    rates = []
    for _ in range(400):
        rates.append(lr_of(scheduler))
        scheduler.step(1.0)
    assert rates[:201] == [0.1] * 201
    assert rates[300] == pytest.approx(0.05)
    assert lr_of(scheduler) == 0.0


def test_the_law_is_followed_where_it_is_asked_for():
    scheduler = make(feedback=False, decay="law", anneal_fraction=0.25)
    rates = []
    for _ in range(400):
        scheduler.step(1.0)
        rates.append(lr_of(scheduler))
    assert rates[9] == 0.1
    assert rates[99] == pytest.approx(0.1 * 0.1**0.32)
    assert rates[349] == pytest.approx(0.1 * (10 / 350) ** 0.32 / 2)
    assert rates[399] == 0.0
    assert scheduler.finished
    assert [entry.signal for entry in scheduler.history] == ["anneal", "finished"]


@pytest.mark.parametrize("lr", [0.002, 20.0])
def test_a_start_far_off_ends_lower_than_open_loop(lr):
    finals = []
    for feedback in (False, True):
        model, optimizer = build(lr, momentum=0.0)
        options = {"restore": (model, optimizer)} if feedback else {}
        scheduler = make(lr, optimizer=optimizer, feedback=feedback, **options)
        try:
            train(model, optimizer, scheduler, 400)
            error = float((model.weight.detach() - torch.tensor([[1.0, -2.0, 0.5]])).norm())
        except Diverged:
            error = math.inf
        finals.append(error)
    assert finals[1] < 0.5 * finals[0]


def test_a_rate_that_was_changed_from_outside_is_set_again_at_the_next_decision():
    scheduler = make(interval_steps=4)
    scheduler.step(1.0)
    scheduler.optimizer.param_groups[0]["lr"] = 9.0
    for _ in range(3):
        scheduler.step(1.0)
    assert lr_of(scheduler) == scheduler.get_last_lr()[0] == 0.1


def test_a_trainer_that_steps_without_a_loss_is_told_how_to_give_it():
    """Lightning and Transformers call every scheduler bare, unless told otherwise."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    scheduler = BisectionLR(torch.optim.SGD([parameter], 0.1), None, start_lr=0.1, probe_steps=10)
    with pytest.raises(TypeError, match=r"needs train_loss, .* but got None.*reduce_on_plateau"):
        scheduler.step()
    assert scheduler.last_epoch == 0


def test_steps_per_call_counts_design_steps():
    scheduler = make(steps_per_call=100, feedback=False)
    for _ in range(4):
        scheduler.step(1.0)
    assert scheduler.finished
    assert scheduler.history[-1].step == 400


def test_a_last_interval_that_is_cut_short_still_finishes():
    scheduler = make(final_steps=25, interval_steps=10)
    for i in range(25):
        assert not scheduler.finished
        scheduler.step(1.0 / (1 + i))
    assert scheduler.finished


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_lr": 0.0},
        {"start_lr": 1e3},
        {"probe_steps": 0},
        {"final_steps": 0},
        {"probe_steps": 500},
        {"horizon_exponent": -0.1},
        {"anneal_fraction": 2},
        {"factor": 1.0},
        {"interval_steps": 0},
        {"steps_per_call": 0},
        {"restore": 3},
        {"restore": (1, 2, 3)},
        {"window": 1},
    ],
)
def test_bad_options_are_refused_at_construction(wrong):
    with pytest.raises(ValueError, match="but got"):
        make(**wrong)


def test_wrong_types_and_unknown_options_are_refused():
    with pytest.raises(TypeError, match="but got"):
        make(optimizer=3)
    with pytest.raises(TypeError, match="bogus"):
        make(bogus=1)
    with pytest.raises(ValueError, match="but got"):
        make(optimizer=torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.0))


@given(stop=st.integers(1, 119), start=st.sampled_from([0.004, 0.1, 0.6]))
@settings(max_examples=15)
def test_a_run_that_stops_and_resumes_equals_one_that_does_not(stop, start):
    options = {"final_steps": 120, "interval_steps": 3, "significance": 0.1}
    model, optimizer = build(start)
    unbroken = make(start, optimizer=optimizer, **options)
    expected = train(model, optimizer, unbroken, 120)
    model, optimizer = build(start)
    first = make(start, optimizer=optimizer, **options)
    log = train(model, optimizer, first, stop)
    saved = reload([model.state_dict(), optimizer.state_dict(), first.state_dict()])
    model, optimizer = build(start)
    second = make(start, optimizer=optimizer, **options)
    for target, state in zip((model, optimizer, second), saved):
        target.load_state_dict(state)
    assert log + train(model, optimizer, second, 120 - stop, begin=stop) == expected
    assert second.history == unbroken.history
    assert second.state_dict() == unbroken.state_dict()


def test_loading_sets_the_rate_even_where_the_optimizer_was_not_loaded():
    first = make()
    for _ in range(100):
        first.step(1.0)
    second = make()
    second.load_state_dict(first.state_dict())
    assert second.get_last_lr() == first.get_last_lr()
