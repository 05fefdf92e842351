"""The schedule: backbone, limits and anneal, before any loss is looked at."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from feedback_runs import OPEN, SCHEDULE


def test_the_backbone_is_the_horizon_law_and_the_anneal_ends_at_zero():
    assert SCHEDULE.rate(0) == SCHEDULE.rate(160) == 0.1
    assert SCHEDULE.rate(320) == pytest.approx(0.1 * 0.5**0.32)
    assert SCHEDULE.rate(1500) == pytest.approx(0.1 * (160 / 1500) ** 0.32)
    assert SCHEDULE.rate(1750) == pytest.approx(0.1 * (160 / 1750) ** 0.32 / 2)
    assert SCHEDULE.rate(2000) == SCHEDULE.rate(3000) == 0.0


def test_the_inverse_decay_ends_where_the_law_ends():
    law = replace(SCHEDULE, anneal_fraction=0, low=0.0)
    inverse = replace(law, decay="inverse")
    assert inverse.rate(2000) == pytest.approx(law.rate(2000))
    assert inverse.rate(500) > law.rate(500)
    assert replace(law, decay="none").rate(1999) == 0.1


def test_without_final_steps_there_is_no_anneal():
    assert OPEN.anneal_start == math.inf
    assert OPEN.rate(10**6) == pytest.approx(0.1 * (160 / 10**6) ** 0.32)


def test_min_lr_ends_the_anneal_but_never_raises_the_rate():
    assert replace(SCHEDULE, min_lr=1e-3).rate(2000) == 1e-3
    assert replace(SCHEDULE, min_lr=5.0).rate(2000) < 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_lr": 0.0},
        {"start_lr": math.nan},
        {"probe_steps": 0},
        {"final_steps": 0},
        {"probe_steps": 3000},
        {"horizon_exponent": 1.1},
        {"anneal_fraction": -0.1},
        {"decay": "cosine"},
        {"min_lr": -1.0},
        {"start_lr": 2.0},
        {"start_lr": 1e-3},
    ],
)
def test_a_schedule_rejects_values_outside_their_range(wrong):
    with pytest.raises(ValueError, match="but got"):
        replace(SCHEDULE, **wrong)
