"""A finished study to draw."""

from __future__ import annotations

import optuna
import pytest
from figure_data import search, search_several


@pytest.fixture(scope="session")
def finished() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return search()


@pytest.fixture(scope="session")
def several() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return search_several()
