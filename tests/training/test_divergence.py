"""Losses that are not finite: when a run is given up, and what is raised."""

from __future__ import annotations

import math
import pickle

import optuna
import pytest
from linear_fit import build, make

from optuna_bisect.training.divergence import Diverged


def test_a_loss_that_is_never_finite_is_given_up_after_many_restores():
    model, optimizer = build()
    scheduler = make(optimizer=optimizer, restore=(model, optimizer), interval_steps=1)
    with pytest.raises(Diverged):
        all(scheduler.step(math.nan) for _ in range(40))
    assert scheduler.last_epoch > 20


def test_diverged_names_step_and_rate_and_can_be_pickled():
    scheduler = make(0.3, interval_steps=2)
    scheduler.step(math.nan)
    with pytest.raises(Diverged, match=r"step 2 .*0\.3") as caught:
        scheduler.step(1.0)
    assert isinstance(caught.value, FloatingPointError)
    assert not isinstance(caught.value, optuna.TrialPruned)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (copy.step, copy.lr) == (2, 0.3)
    assert "not finite" in str(copy)


def test_a_validation_loss_that_is_not_finite_diverges_too():
    with pytest.raises(Diverged):
        make(interval_steps=1).step(1.0, math.inf)
