"""What each constant of the search is worth: one changed at a time, replayed on recorded sweeps.

python studies/sensitivity.py
python studies/sensitivity.py --tables runs.jsonl.gz --range 1e-5 10 --noise 0.1
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import optuna
from replay import TABLES, Setting, evaluate, load, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIANTS: dict[str, tuple[Any, ...]] = {
    "PROGRESS_RATIO": (0.65, 0.85),
    "N_AVERAGED": (2, 4),
    "N_SKIPPED": (1, 3),
    "CUT_MARGIN": (0.0, 1.0),
    "TIE_MARGIN": (0.0, 1.0),
    "SAME_END": (0.005, 0.02),
    "MAX_SHARE": (0.25, 1.0),
    "SIGNIFICANCE": (1.0, 3.0),
    "ALIKE": (0.0, 0.3),
    "RECOVERY_SHARE": (0.17, 0.34),
    "MAX_REACH": (2, 4),
    "FLATS_PER_RUN": (3, 99),
    "SPACING": (2.5, 4.0),
}


@contextlib.contextmanager
def changed(name: str, value: Any) -> Iterator[None]:
    """Give a constant another value in every module of the package that uses it."""
    modules = [m for key, m in sys.modules.items() if key.startswith("optuna_bisect.")]
    users = [m for m in modules if hasattr(m, name)]
    if not users:
        raise ValueError(f"name must be a constant of the package but got {name!r}.")
    with contextlib.ExitStack() as stack:
        for module in users:
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def cells(options: argparse.Namespace) -> list[str]:
    """Return cost, mean regret and fails in %, for each horizon."""
    found = []
    for horizon in options.horizon:
        tasks = load(options.tables, horizon)
        setting = Setting(horizon, *options.range, options.noise)
        row = summarize(evaluate(tasks, "optuna_bisect", setting, options.seeds))
        found.append(f"{row['cost']:.3f}/{100 * row['regret']:.2f}/{100 * row['fails']:.1f}")
    return found


def main() -> None:
    """Print a table, one line a changed constant."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add = parser.add_argument
    add("--tables", nargs="+", type=Path, default=TABLES)
    add("--horizon", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="share of a full run")
    add("--range", type=float, nargs=2, default=[1e-6, 1.0], metavar=("LOW", "HIGH"))
    add("--seeds", type=int, default=5)
    add("--noise", type=float, default=0.0, help="relative noise of each report")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"| | {' | '.join(f'{h:.0%}' for h in options.horizon)} |")
    print("| --- |" + " --- |" * len(options.horizon))
    print(f"| as released | {' | '.join(cells(options))} |", flush=True)
    for name, values in VARIANTS.items():
        for value in values:
            with changed(name, value):
                print(f"| {name} = {value} | {' | '.join(cells(options))} |", flush=True)


if __name__ == "__main__":
    main()
