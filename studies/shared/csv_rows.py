"""Rows of results in a CSV file, to which a run that goes on appends."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    """Read the rows so far; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: Mapping[str, object]) -> None:
    """Append a row, with a header in front of the first; real numbers with six digits.

    It is one write, so that two processes may share the file.
    """
    texts = {k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in row.items()}
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(row), lineterminator="\n")
    if not path.exists():
        writer.writeheader()
    writer.writerow(texts)
    with path.open("a", newline="") as file:
        file.write(lines.getvalue())
