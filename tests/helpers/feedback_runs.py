"""Runs of the feedback on made-up losses: numbers in, rates and events out."""

from __future__ import annotations

import math
import random

from optuna_bisect.feedback.engine import advance, rate
from optuna_bisect.feedback.schedule import Schedule
from optuna_bisect.feedback.settings import Settings
from optuna_bisect.feedback.state import Losses, State

LAW = {"start_lr": 0.1, "probe_steps": 160, "high": 1.0, "decay": "law", "anneal_fraction": 0.25}
SCHEDULE = Schedule(final_steps=2000, low=0.01, **LAW)


OPEN = Schedule(low=0.001, **LAW)


def drive(levels, vals=None, schedule=SCHEDULE, options=None, first=None):
    """Feed one level per interval of 10 steps; return the state and all (step, rate, events)."""
    state, log = State(), []
    for i, level in enumerate(levels):
        val = None if vals is None else vals[i]
        loss = level if first is None else first
        losses = Losses(step=10 * (i + 1), train=level, val=val, first=loss)
        state = advance(schedule, options or Settings(), state, losses)
        log.append((state.step, rate(schedule, state, state.step), state.events))
    return state, log


def signals(log):
    return [event.signal for _, _, events in log for event in events]


def noisy(function, n, sd=0.01, seed=0):
    generator = random.Random(seed)
    return [function(i) + generator.gauss(0, sd) for i in range(n)]


def learns(i):
    return 2.3 * math.exp(-i / 4) + 0.2


def falls(i):
    """Fall like a power of time, as losses do."""
    return 0.3 + 2.0 * (i + 1) ** -0.4
