"""Loops around ``BisectionLR`` as users have them: lengths, schedulers, weights, losses."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import optuna
import pytest
import torch
from synthetic_trainer import with_role
from torch.nn.utils import parametrizations, parametrize
from torch.optim import lr_scheduler

import optuna_bisect as ob
from optuna_bisect.adjuster import BisectionLR

torch.set_num_threads(1)


def make(start=0.1, final_steps=100, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=start)
    options = {"start_lr": start, "probe_steps": 10, "feedback": False} | options
    return optimizer, BisectionLR(optimizer, None, final_steps=final_steps, **options)


@pytest.mark.parametrize(("final_steps", "per_call"), [(20, 1), (100, 1), (100, 10), (1, 1)])
def test_a_run_far_longer_than_declared_trains_on_and_is_told_so_once(
    final_steps, per_call, said
) -> None:
    """As with final_steps in epochs and step() after each batch."""
    optimizer, scheduler = make(final_steps=final_steps, probe_steps=1, steps_per_call=per_call)
    rates = []
    for _ in range(2_000):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(1.0)
    assert sum(rate == 0 for rate in rates) <= 1
    assert rates[-1] == rates[1_000] == 0.1
    n_calls = final_steps // per_call + 1
    assert len(said(f"{n_calls} times", f"final_steps={final_steps}")) == 1


@pytest.mark.parametrize("extra", [1, 5, 9])
def test_a_run_that_is_a_little_longer_keeps_the_last_rate_before_zero(extra) -> None:
    """A full rate would undo the anneal."""
    _, scheduler = make(final_steps=100)
    for _ in range(100 + extra):
        scheduler.step(1.0)
    assert scheduler.get_last_lr() == [pytest.approx(0.1 / 50)]


@pytest.mark.parametrize("per_epoch", [51, 100, 400])
def test_batches_where_the_sampler_counts_epochs_are_noticed_in_the_first_probe(
    per_epoch, said
) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(probe_steps=1, final_steps=50))
    trial = study.ask()
    lr = trial.suggest_float("lr", 1e-3, 1.0, log=True)
    scheduler = BisectionLR.for_trial(make(lr)[0], trial)
    for _ in range(per_epoch):
        scheduler.step(1.0)
    assert len(said("51 times", "final_steps=50")) == 1


@pytest.mark.parametrize("n_steps", [100, 1])
def test_a_run_of_its_declared_length_says_nothing(n_steps, said) -> None:
    _, scheduler = make()
    for _ in range(n_steps):
        scheduler.step(1.0)
    assert not said()


@pytest.mark.parametrize("kind", ["after a warm-up", "before another", "chained", "chained alone"])
def test_composite_schedulers_refuse_it_when_they_are_made(kind) -> None:
    optimizer, scheduler = make()
    warmup = lr_scheduler.LinearLR(optimizer)
    makers = {
        "after a warm-up": lambda: lr_scheduler.SequentialLR(optimizer, [warmup, scheduler], [5]),
        "before another": lambda: lr_scheduler.SequentialLR(optimizer, [scheduler, warmup], [5]),
        "chained": lambda: lr_scheduler.ChainedScheduler([warmup, scheduler], optimizer),
        "chained alone": lambda: lr_scheduler.ChainedScheduler([scheduler]),
    }
    with pytest.raises(ValueError, match="warmup_steps="):
        makers[kind]()
    assert scheduler.optimizer is optimizer


@pytest.mark.parametrize("interval_steps", [1, 10])
@pytest.mark.parametrize(
    "other",
    [
        lambda o: lr_scheduler.CosineAnnealingLR(o, 50),
        lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=20),
        lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    ],
)
def test_another_scheduler_beside_it_is_named_and_does_not_set_the_rate(
    other, interval_steps, said
) -> None:
    optimizer, scheduler = make(interval_steps=interval_steps)
    beside = other(optimizer)
    rates = []
    for _ in range(40):
        optimizer.step()
        beside.step()
        scheduler.step(1.0)
        rates.append(optimizer.param_groups[0]["lr"])
    assert set(rates) == {0.1}
    assert len(said("had set 0.1", "another scheduler")) == 1


@pytest.mark.parametrize("epoch", [0, 3, np.int64(3), True])
def test_an_epoch_is_no_loss(epoch) -> None:
    """Schedulers of torch take ``step(epoch)``."""
    _, scheduler = make()
    with pytest.raises(TypeError, match=re.escape(f"whole number {epoch!r}")):
        scheduler.step(epoch)
    assert scheduler.last_epoch == 0
    scheduler.step(float(epoch))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_tensors_that_are_filled_again_count_with_what_they_held(shape, dtype) -> None:
    """As the outputs of a captured graph are."""
    scheduler, expected = (make(interval_steps=50)[1] for _ in range(2))
    loss, val = torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype)
    for step in range(8):
        loss.fill_(2.0 - 0.125 * step)
        val.fill_(step)
        scheduler.step(loss, val if step < 4 else None)
        expected.step(2.0 - 0.125 * step, float(step) if step < 4 else None)
    loss.fill_(99.0)
    val.fill_(99.0)
    assert scheduler.state_dict()["meter"] == expected.state_dict()["meter"]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_a_state_of_numpy_settings_loads_with_weights_only(kind) -> None:
    options = {"interval_steps": kind(2), "steps_per_call": kind(2), "warmup_steps": kind(3)}
    _, scheduler = make(
        np.float64(0.1),
        final_steps=kind(100),
        probe_steps=kind(10),
        min_lr=np.float32(1e-4),
        window=kind(8),
        feedback=True,
        **options,
    )
    for step in range(30):
        scheduler.step(np.float32(1.0 - 0.01 * step))
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    assert torch.load(file, weights_only=True)["last_epoch"] == 30


class Same(torch.nn.Module):
    """A parametrization that changes nothing but the names."""

    def forward(self, weight):
        return weight * 1.0


CHANGES = {
    "a group": lambda m, o: o.add_param_group({"params": list(m[0].parameters()), "lr": 0.003}),
    "a parametrization": lambda m, o: parametrize.register_parametrization(m[1], "weight", Same()),
    "spectral norm": lambda m, o: parametrizations.spectral_norm(m[1]),
    "a layer": lambda m, o: m.append(torch.nn.Identity()).append(torch.nn.Linear(1, 1)),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("at", [3, 59, 60])
@pytest.mark.parametrize("leg_fraction", [0.0, 0.04])
def test_what_is_added_to_a_run_may_come_back_too(name, at, leg_fraction) -> None:
    """The copies from before do not fit any more, and are taken anew."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 1))
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.03, momentum=0.9)
    options = {"restore": (model, optimizer), "leg_fraction": leg_fraction, "interval_steps": 2}
    scheduler = BisectionLR(
        optimizer, None, start_lr=0.03, probe_steps=20, final_steps=400, **options
    )
    x = torch.randn(32, 4)
    restored = []
    for step in range(120):
        loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler.step(loss.detach() * (math.nan if step == 60 else 1.0)):
            restored.append(step)
        if step == at:
            CHANGES[name](model, optimizer)
    assert restored
    assert math.isfinite(float(loss.detach()))


@pytest.mark.parametrize("bad", [0, 30, None])
@pytest.mark.parametrize("norm", [torch.nn.Identity, torch.nn.LazyBatchNorm1d])
def test_lazy_weights_come_back_once_they_exist(bad, norm) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.LazyLinear(6), norm(), torch.nn.LazyLinear(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    options = {"restore": (model, optimizer), "interval_steps": 2, "leg_fraction": 0.0}
    scheduler = BisectionLR(
        optimizer, None, start_lr=0.01, probe_steps=20, final_steps=400, **options
    )
    x = torch.randn(32, 4)
    restored = []
    for step in range(60):
        loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler.step(loss.detach() * (math.nan if step == bad else 1.0)):
            restored.append(step)
    assert restored == ([] if bad is None else [bad + 1])
    assert math.isfinite(float(loss.detach()))


@pytest.mark.parametrize("kind", ["probe", "final", "fixed"])
def test_a_loop_that_saves_the_snapshot_does_so_in_every_trial(kind) -> None:
    """In a probe it is empty, and its state may be loaded again."""
    study = optuna.create_study(sampler=ob.BisectionSampler(probe_steps=5, final_steps=20))
    saved = {}

    def objective(trial: optuna.trial.BaseTrial) -> float:
        lr = trial.suggest_float("lr", 1e-3, 1.0, log=True)
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr)
        scheduler = BisectionLR.for_trial(optimizer, trial, restore=(model, optimizer))
        for _ in range(ob.trial_plan(trial).n_steps or 5):
            scheduler.step(abs(math.log10(lr / 0.03)) + 0.1)
            state = scheduler.state_dict(), scheduler.snapshot.state_dict()
        scheduler.load_state_dict(state[0])
        scheduler.snapshot.load_state_dict(state[1])
        saved[ob.trial_plan(trial).role] = state[1]
        return abs(math.log10(lr / 0.03))

    if kind == "fixed":
        objective(optuna.trial.FixedTrial({"lr": 0.1}))
        assert saved["final"]["start"]
        return
    study.optimize(objective, n_trials=20)
    assert len(with_role(study, "final")) == 1
    assert bool(saved[kind]["start"]) == (kind == "final")
