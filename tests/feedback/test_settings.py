"""The settings of the feedback: ranges, and their twins for type checkers."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from optuna_bisect.feedback.settings import FeedbackOptions, Settings
from optuna_bisect.feedback.state import State


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor": 1.0},
        {"factor": 0.0},
        {"growth_factor": 2.1},
        {"growth_factor": 1.0},
        {"window": 3},
        {"significance": 0.5},
        {"threshold": 0.0},
        {"patience": 0},
        {"cooldown": -1},
        {"max_moves": 0},
    ],
)
def test_settings_reject_values_outside_their_range(wrong):
    with pytest.raises(ValueError, match="but got"):
        Settings(**wrong)


def test_state_and_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        State().gain = 2.0
    with pytest.raises(FrozenInstanceError):
        Settings().factor = 0.1


def test_type_checkers_see_every_setting():
    assert list(FeedbackOptions.__annotations__) == [field.name for field in fields(Settings)]
