"""The benchmark of boosting: the table in the texts is that of the rows, and a row can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("xgboost")

from studies.boosting import boosters, compare, tasks

README = Path(compare.__file__).parents[1] / "README.md"


def test_the_table_of_the_readme_is_printed_from_the_rows(capsys) -> None:
    compare.print_table()
    table = capsys.readouterr().out
    assert table.count("\n") == 2 + len(compare.METHODS)
    assert table in README.read_text()


@pytest.mark.parametrize("library", boosters.BOOSTERS)
def test_a_method_pays_for_the_rounds_that_it_runs(library, monkeypatch) -> None:
    monkeypatch.setattr(compare, "ROUNDS", 40)
    monkeypatch.setattr(boosters, "ROUNDS", 40)
    task, run = tasks.load("diabetes"), boosters.BOOSTERS[library]
    found = compare.METHODS["4 whole runs"](run, task)
    assert found.cost == 4
    assert found.loss == pytest.approx(run(task, found.rate))
    assert 1 < compare.METHODS["probes of 10 %, exponent 0.5"](run, task).cost < 2
