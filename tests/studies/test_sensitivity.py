"""A constant of the search gets another value wherever it is used, and nowhere else."""

from __future__ import annotations

import importlib

import pytest

from studies.recorded.sensitivity import VARIANTS, changed

curve, comparison = (
    importlib.import_module(f"optuna_bisect.verdicts.{name}") for name in ("curve", "comparison")
)


@pytest.mark.parametrize(("home", "name"), VARIANTS)
def test_every_constant_stands_where_the_table_says(home, name) -> None:
    assert hasattr(importlib.import_module(f"optuna_bisect.{home}"), name)


def test_a_constant_changes_in_its_module_and_where_it_is_imported() -> None:
    with changed("verdicts.curve", "N_SKIPPED", 7):
        assert (curve.N_SKIPPED, comparison.N_SKIPPED) == (7, 7)
    assert (curve.N_SKIPPED, comparison.N_SKIPPED) == (2, 2)


def test_another_constant_of_the_same_name_stays(monkeypatch) -> None:
    grid = importlib.import_module("optuna_bisect.search.grid")
    monkeypatch.setattr(curve, "SPACING", 3.0, raising=False)
    with changed("search.grid", "SPACING", 4.0):
        assert (grid.SPACING, curve.SPACING) == (4.0, 3.0)


def test_an_unknown_constant_is_refused() -> None:
    with (
        pytest.raises(ValueError, match=r"constant of search\.grid but got 'PATIENCE'"),
        changed("search.grid", "PATIENCE", 1),
    ):
        pass
