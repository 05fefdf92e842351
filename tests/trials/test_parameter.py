"""The learning rate is found by the names of parameters, in the order of the trials."""

from __future__ import annotations

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, create_trial

from optuna_bisect.trials.parameter import (
    NEAR,
    OTHER,
    PLAIN,
    QUALIFIED,
    UNKNOWN,
    find_rate_name,
    name_in,
    prefer_known_name,
    rank_of,
)

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


@pytest.mark.parametrize(
    ("rank", "names"),
    [
        (PLAIN, "lr LR learning_rate learning-rate learningRate LearningRate eta eta0 lr0 baseLR"),
        (PLAIN, "optimizer.lr optimizer__lr lr_init start_lr train/lr"),
        (
            QUALIFIED,
            "adam_lr lr_backbone max_lr headlr lr_1 gen.lr lr_scheduler.max_lr lr_weights",
        ),
        (NEAR, "lr_decay min_lr minLr LRDecay lrf lrmin eta_min log_lr lr.decay lr_step_size"),
        (OTHER, "weight_decay weightDecay l2 l2_reg beta1 gamma dropout_rate decay_rate eps"),
        (UNKNOWN, "rho alpha x C rate lru_size color clr theta"),
    ],
)
def test_names_by_how_much_they_look_like_a_rate(rank: int, names: str) -> None:
    assert {name: rank_of(name) for name in names.split()} == dict.fromkeys(names.split(), rank)


@pytest.mark.parametrize(
    ("space", "name", "found"),
    [
        (["width", "lr"], "learning_rate", "lr"),
        (["lr", "learning_rate"], "learning_rate", "learning_rate"),
        (["adam_lr"], "sgd_lr", None),
        (["adam.lr"], "adam_lr", "adam.lr"),
        (["lr_decay"], "lr", None),
        (["alpha"], "rho", None),
    ],
)
def test_another_spelling_is_the_same_rate(space: list, name: str, found: str | None) -> None:
    assert name_in(dict.fromkeys(space, RANGE), name) == found
