"""The one CSV file: a row a run, appended so that two processes may share it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple, get_type_hints

if TYPE_CHECKING:
    from pathlib import Path


class Row(NamedTuple):
    """What one method did on one task with one seed.

    Attributes:
        task: Name of the task.
        method: Name of the method.
        variant: Factor of the field's default rate that the method was given; 1 where it is given
            none.
        seed: Weights and order of the data of the full run.
        rate: Rate of the full run: its highest, or where the method moves it, its first one.
        lowest: Lowest of about 25 validation losses of the full run.
        last: The last of them.
        n_steps: Updates paid, those of the search included.
        seconds: Processor time.
    """

    task: str
    method: str
    variant: float
    seed: int
    rate: float
    lowest: float
    last: float
    n_steps: int
    seconds: float


def read(path: Path) -> list[Row]:
    """Read the rows that are there."""
    if not path.exists():
        return []
    kinds = list(get_type_hints(Row).values())
    with path.open(newline="") as file:
        lines = csv.DictReader(file)
        return [Row(*(kind(v) for kind, v in zip(kinds, line.values()))) for line in lines]


def append(path: Path, row: Row) -> None:
    """Add one row in one write."""
    values = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in row]
    with path.open("a", newline="") as file:
        # The position is the end of the file, whoever has written to it.
        header = "" if file.tell() else ",".join(Row._fields) + "\n"
        file.write(header + ",".join(values) + "\n")
