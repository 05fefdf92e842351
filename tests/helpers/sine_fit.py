"""A small network on made-up data whose rate a ``BisectionLR`` sets, with a race."""

from __future__ import annotations

import torch

from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.bracket import Bracket

torch.set_num_threads(1)
WIDE = Bracket(1e-5, 1e3)
OPTIONS = {"probe_steps": 20, "final_steps": 400, "interval_steps": 2}


def build(lr, momentum=0.0):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.Tanh(), torch.nn.Linear(12, 1))
    return model, torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)


def batch(step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(32, 6, generator=generator)
    return x, torch.sin(x.sum(1, keepdim=True)) + x[:, :1]


def train(model, optimizer, scheduler, begin=0, end=400):
    """Return the flags of ``step`` and the rates."""
    log = []
    for step in range(begin, end):
        x, y = batch(step)
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.append((scheduler.step(loss), scheduler.get_last_lr()))
    return log


def make(lr, **options):
    model, optimizer = build(lr)
    options = {"start_lr": lr, "restore": (model, optimizer)} | OPTIONS | options
    return model, optimizer, BisectionLR(optimizer, WIDE, **options)


def signals(scheduler):
    return [entry.signal for entry in scheduler.history]
