"""The files of recorded runs: a run a line, as ``record.py`` describes it."""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATA = Path(__file__).parent / "data"
SCHEDULES = ("constant", "cosine")


def table_path(schedule: str, folder: Path = DATA) -> Path:
    """Return the file of all runs with one schedule."""
    return folder / f"sweep_{schedule}.jsonl.gz"


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file up to a line that was not written to its end."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            if not line.endswith("\n"):
                return
            yield json.loads(line)


def schedule_of(row: dict[str, Any]) -> str:
    """Return the schedule of a run."""
    return row.get("schedule", "constant")


def final_of(row: dict[str, Any]) -> float:
    """Return the lowest held-out loss of a run, infinity where it was never finite."""
    return math.inf if row["final"] is None else row["final"]


def group(paths: Iterable[Path]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the rows of some files by task and schedule."""
    runs = defaultdict(list)
    for path in paths:
        for row in read(path):
            runs[row["task"], schedule_of(row)].append(row)
    return runs


class Archive:
    """The recorded runs: finished tasks in two gzipped files, the one at work in a plain one."""

    def __init__(self, folder: Path, n_runs: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._plain = folder / "sweep.jsonl"
        self._packed = {name: table_path(name, folder) for name in SCHEDULES}
        self._n_runs = n_runs  # of a task and a seed
        self._mend()

    def seeds(self) -> set[tuple[str, int]]:
        """Return the task and seed pairs that are recorded."""
        return set(self._units())

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Append the runs of a task and a seed."""
        with self._plain.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def pack(self) -> None:
        """Move everything into the gzipped files; the same runs give the same bytes."""
        rows = [row for _, unit in sorted(self._units().items()) for row in unit]
        for name, path in self._packed.items():
            lines = [
                json.dumps(row, separators=(",", ":")) + "\n"
                for row in rows
                if schedule_of(row) == name
            ]
            scratch = path.with_suffix(".tmp")
            with scratch.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
                packed.write("".join(lines).encode())
            scratch.replace(path)
        self._plain.unlink(missing_ok=True)

    def _units(self) -> dict[tuple[str, int], list[dict[str, Any]]]:
        """Return what is recorded in full, each run once."""
        runs: dict[tuple[str, int], dict[tuple[str, float], dict[str, Any]]] = defaultdict(dict)
        for path in filter(Path.exists, (*self._packed.values(), self._plain)):
            for row in read(path):
                runs[row["task"], row["seed"]][schedule_of(row), row["lr"]] = row
        return {unit: list(r.values()) for unit, r in runs.items() if len(r) == self._n_runs}

    def _mend(self) -> None:
        """Drop what an interrupted write left in the plain file."""
        if not self._plain.exists():
            return
        units = self._units()
        whole = [row for row in read(self._plain) if (row["task"], row["seed"]) in units]
        scratch = self._plain.with_suffix(".tmp")
        scratch.write_text("".join(json.dumps(row) + "\n" for row in whole))
        scratch.replace(self._plain)
