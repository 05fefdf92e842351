"""A linear fit of noisy data whose rate a ``BisectionLR`` sets."""

from __future__ import annotations

import io

import torch

from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.bracket import Bracket

torch.set_num_threads(1)
BRACKET = Bracket(1e-4, 1e2)


def build(lr=0.1, ratios=(1.0,), momentum=0.9):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, len(ratios), bias=False)
    extra = [torch.nn.Parameter(torch.zeros(1)) for _ in ratios[1:]]
    groups = [{"params": model.parameters(), "lr": lr}]
    groups += [{"params": [p], "lr": lr * r} for p, r in zip(extra, ratios[1:])]
    return model, torch.optim.SGD(groups, momentum=momentum)


def make(lr=0.1, *, optimizer=None, bracket=BRACKET, **options):
    optimizer = build(lr)[1] if optimizer is None else optimizer
    defaults = {"start_lr": lr, "probe_steps": 10, "final_steps": 400}
    return BisectionLR(optimizer, bracket, **(defaults | options))


def lr_of(scheduler):
    return float(scheduler.optimizer.param_groups[0]["lr"])


def train(model, optimizer, scheduler, n_steps, begin=0):
    """Fit noisy linear data; return the restored flags and rates."""
    target = torch.tensor([[1.0, -2.0, 0.5]])
    log = []
    for step in range(begin, begin + n_steps):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 3, generator=generator)
        y = x @ target.T + 0.1 * torch.randn(16, 1, generator=generator)
        loss = ((model(x)[:, :1] - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.append((scheduler.step(loss), lr_of(scheduler)))
    return log


def reload(state):
    """Through a file, as strictly as torch can read one."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)
