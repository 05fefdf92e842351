"""How people train: accumulated gradients, mixed precision, compiled steps."""

from __future__ import annotations

import pytest
import torch
from sine_fit import OPTIONS, WIDE, batch, make, signals

from optuna_bisect.adjuster import BisectionLR

torch.set_num_threads(1)


def test_accumulated_gradients_count_as_one_step():
    model, optimizer, scheduler = make(0.05, restore=None)
    for step in range(800):
        x, y = batch(step)
        loss = ((model(x) - y) ** 2).mean() / 2
        loss.backward()
        if step % 2:
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step(2 * loss)
    assert scheduler.finished
    assert scheduler.history[-1].step == 400


def test_steps_that_a_grad_scaler_skips_neither_raise_nor_move_the_rate():
    model, optimizer, scheduler = make(0.05 / 64, leg_fraction=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=10**6)
    n_skipped = 0
    for step in range(60):
        x, y = batch(step)
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        scaler.scale(64 * loss).backward()
        scale = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        n_skipped += scaler.get_scale() < scale
        scheduler.step(loss.detach())
    assert n_skipped > 0
    assert "collapse" not in signals(scheduler)


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_with_a_tensor_rate_sees_every_move():
    torch.manual_seed(0)
    model = torch.nn.Linear(6, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=torch.tensor(0.05))
    scheduler = BisectionLR(optimizer, WIDE, start_lr=0.05, restore=(model, optimizer), **OPTIONS)
    tensor = optimizer.param_groups[0]["lr"]
    compiled = torch.compile(optimizer.step, backend="eager")
    for step in range(60):
        x, y = batch(step)
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        before = [p.detach().clone() for p in model.parameters()]
        rate, gradients = float(tensor), [p.grad.clone() for p in model.parameters()]
        compiled()
        for p, old, gradient in zip(model.parameters(), before, gradients):
            assert torch.allclose(p, old - rate * gradient, atol=1e-6)
        scheduler.step(loss)
    assert optimizer.param_groups[0]["lr"] is tensor
