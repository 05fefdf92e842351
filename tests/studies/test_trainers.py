"""The examples of the trainers run as they stand, and the table is that of the recorded runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from studies.shared.csv_rows import read
from studies.trainers.compare import RESULTS, table

ROOT = Path(__file__).parents[2]
TRAINERS = ROOT / "studies" / "trainers"
EXAMPLES = {
    "lightning_digits.py": "lightning",
    "transformers_text.py": "transformers",
    "keras_digits.py": "keras",
}


def test_the_table_of_the_readme_is_that_of_the_recorded_runs() -> None:
    rows = read(RESULTS)
    assert len(rows) > 27
    shown = (TRAINERS / "README.md").read_text()
    assert "\n".join(table(rows)) in shown


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_enough_to_copy(name) -> None:
    assert len((TRAINERS / name).read_text().splitlines()) < 80


@pytest.mark.soak
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_from_any_folder(name, tmp_path) -> None:
    pytest.importorskip(EXAMPLES[name], reason=f"needs optuna_bisect[{EXAMPLES[name]}]")
    done = subprocess.run(
        [sys.executable, TRAINERS / name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("{'l")
