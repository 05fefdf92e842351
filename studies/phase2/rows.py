"""The rows of the comparison: one run each, kept in a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, get_type_hints

from studies.shared import csv_rows

PATH = Path(__file__).parent / "phase2.csv"
# Start rates of the runs, as factors of the rate that the search found.
FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)


class Row(NamedTuple):
    """One run. A search is a row whose ``rate`` is what it found."""

    task: str
    method: str
    factor: float
    seed: int
    rate: float
    lowest: float
    last: float
    n_steps: int
    n_moves: int
    n_restores: int
    seconds: float


def read(path: Path) -> list[Row]:
    """Read the rows that are there."""
    kinds = get_type_hints(Row)
    return [Row(**{k: kinds[k](v) for k, v in row.items()}) for row in csv_rows.read(path)]


def append(path: Path, row: Row) -> None:
    """Add one row."""
    csv_rows.append(path, row._asdict())
