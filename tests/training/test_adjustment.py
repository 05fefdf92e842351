"""One run as a whole: the race at its beginning, and what a saved run goes on with."""

from __future__ import annotations

import pytest
import torch
from linear_fit import reload
from sine_fit import OPTIONS, WIDE, batch, build, make, signals, train

from optuna_bisect.adjuster import BisectionLR

torch.set_num_threads(1)


def validate(model):
    x, y = batch(10**6)
    return float(((model(x) - y) ** 2).mean().detach())


@pytest.mark.parametrize("start", [3.0, 30.0])
def test_a_start_far_too_high_is_brought_down_by_the_race(start):
    model, optimizer, scheduler = make(start)
    log = train(model, optimizer, scheduler)
    assert signals(scheduler)[0] == "leg"
    assert "settled" in signals(scheduler)
    assert any(restored for restored, _ in log[:150])
    good, plain, fixed = make(0.1, restore=None)
    train(good, plain, fixed)
    assert validate(model) < 1.25 * validate(good)


def test_a_leg_begins_with_the_very_first_weights_and_an_empty_optimizer():
    model, optimizer = build(1e4, momentum=0.9)
    first = [p.detach().clone() for p in model.parameters()]
    options = {"start_lr": 1e2, "restore": (model, optimizer)} | OPTIONS
    scheduler = BisectionLR(optimizer, WIDE, **options)
    log = train(model, optimizer, scheduler, end=30)
    while not log[-1][0]:
        log += train(model, optimizer, scheduler, len(log), len(log) + 1)
    assert all(torch.equal(a, b) for a, b in zip(first, model.parameters()))
    assert not optimizer.state_dict()["state"]
    assert optimizer.param_groups[0]["lr"] == scheduler.history[-1].lr < 1e2


@pytest.mark.parametrize("off", [{"leg_fraction": 0.0}, {"feedback": False}, {"restore": None}])
def test_without_it_there_is_no_race_and_the_backbone_is_constant_all_the_same(off):
    model, optimizer, scheduler = make(0.01, **off)
    train(model, optimizer, scheduler, end=60)
    assert not {"leg", "settled"} & set(signals(scheduler))
    assert scheduler._run.schedule.decay == "none"
    assert scheduler._run.schedule.anneal_fraction == 0.5


@pytest.mark.parametrize("stop", [16, 21, 77])
@pytest.mark.parametrize("start", [0.05, 30.0])
def test_a_resumed_run_equals_an_unbroken_one_also_in_the_middle_of_the_race(start, stop):
    model, optimizer, unbroken = make(start)
    expected = train(model, optimizer, unbroken)
    weights = [p.detach().clone() for p in model.parameters()]
    model, optimizer, first = make(start)
    log = train(model, optimizer, first, end=stop)
    parts = (model, optimizer, first, first.snapshot)
    saved = reload([part.state_dict() for part in parts])
    model, optimizer, second = make(start)
    for part, state in zip((model, optimizer, second), saved):
        part.load_state_dict(state)
    second.snapshot.load_state_dict(saved[3])
    assert log + train(model, optimizer, second, begin=stop) == expected
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters()))
    assert second.state_dict() == unbroken.state_dict()
    assert second.history == unbroken.history


def test_a_race_whose_snapshots_are_lost_is_settled_with_the_best_rate_so_far():
    model, optimizer, first = make(0.05)
    train(model, optimizer, first, end=20)
    assert not first._run.state.race.is_over
    saved = reload(first.state_dict())
    second = make(0.05)[2]
    second.load_state_dict(saved)
    second.step(1.0)
    assert second._run.state.race.is_over
    assert second.get_last_lr() == [0.05]


def test_warm_up_rises_linearly_and_begins_anew_with_each_leg():
    model, optimizer, scheduler = make(0.1, warmup_steps=9, leg_fraction=0.0)
    assert scheduler.get_last_lr()[0] == pytest.approx(0.01)
    rates = [rate[0] for _, rate in train(model, optimizer, scheduler, end=12)]
    assert rates[:9] == pytest.approx([0.01 * (i + 2) for i in range(9)])
    model, optimizer, scheduler = make(50.0, warmup_steps=4)
    log = train(model, optimizer, scheduler, end=60)
    restored = next(i for i, (flag, _) in enumerate(log) if flag)
    assert log[restored][1][0] == pytest.approx(scheduler.history[0].lr)
    assert log[restored + 3][1][0] > 2 * log[restored][1][0]
