"""The learning rate is found by the names of parameters, in the order of the trials."""

from __future__ import annotations

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, create_trial

from optuna_bisect.study.parameter import find_rate_name, prefer_known_name

RANGE = FloatDistribution(1e-6, 1.0, log=True)


def complete(number: int, **params: float) -> FrozenTrial:
    trial = create_trial(params=params, distributions=dict.fromkeys(params, RANGE), value=1.0)
    trial.number = number
    return trial


@pytest.mark.parametrize(
    ("own", "name"),
    [({"depth": RANGE}, "width"), ({"depth": RANGE, "lr": RANGE}, "lr"), ({}, "width")],
)
def test_a_known_name_in_the_next_trial_wins(own: dict, name: str) -> None:
    assert prefer_known_name("width", own) == name


def test_the_first_trial_with_a_known_name_says_which_parameter_is_the_rate() -> None:
    trials = [complete(0, width=0.1), complete(1, width=0.1, lr=0.1), complete(2, eta=0.1)]
    assert find_rate_name(t.distributions for t in trials) == "lr"
    assert find_rate_name(t.distributions for t in trials[:1]) == "width"
