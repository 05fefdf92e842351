"""What each constant of the search is worth: one changed at a time, replayed on recorded sweeps.

python -m studies.recorded.sensitivity
python -m studies.recorded.sensitivity --tables runs.jsonl.gz --range 1e-5 10 --noise 0.1
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import optuna

from studies.recorded.bench import Setting, load
from studies.recorded.replay import add_options, evaluate, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PACKAGE = "optuna_bisect"
# Values to try, by the module of the package that defines the constant, and its name.
VARIANTS: dict[tuple[str, str], tuple[Any, ...]] = {
    ("verdicts.comparison", "PROGRESS_RATIO"): (0.65, 0.85),
    ("verdicts.curve", "N_AVERAGED"): (2, 4),
    ("verdicts.curve", "N_SKIPPED"): (1, 3),
    ("verdicts.comparison", "CUT_MARGIN"): (0.0, 1.0),
    ("verdicts.comparison", "TIE_MARGIN"): (0.0, 1.0),
    ("verdicts.comparison", "SAME_END"): (0.005, 0.02),
    ("verdicts.comparison", "MAX_SHARE"): (0.25, 1.0),
    ("verdicts.shape", "SIGNIFICANCE"): (1.0, 3.0),
    ("verdicts.comparison", "ALIKE"): (0.0, 0.3),
    ("verdicts.classifier", "RECOVERY_SHARE"): (0.17, 0.34),
    ("search.proposal", "MAX_REACH"): (2, 4),
    ("search.proposal", "FLATS_PER_RUN"): (3, 99),
    ("search.grid", "SPACING"): (2.5, 4.0),
}


def users_of(home: str, name: str) -> list[ModuleType]:
    """Return the module that defines a constant, and those that import it from there."""
    own = importlib.import_module(f"{PACKAGE}.{home}")
    if not hasattr(own, name):
        raise ValueError(f"name must be a constant of {home} but got {name!r}.")
    loaded = [m for key, m in sys.modules.items() if key.startswith(f"{PACKAGE}.")]
    return [own, *(m for m in loaded if _imports(m, own.__name__, name))]


def _imports(module: ModuleType, home: str, name: str) -> bool:
    tree = ast.parse(inspect.getsource(module))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == home]
    return any(alias.name == name for node in found for alias in node.names)


@contextlib.contextmanager
def changed(home: str, name: str, value: Any) -> Iterator[None]:
    """Give a constant of the package another value wherever it is used."""
    with contextlib.ExitStack() as stack:
        for module in users_of(home, name):
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
    add_options(parser)
    names = [name for _, name in VARIANTS]
    parser.add_argument("--constant", nargs="+", choices=names, default=names)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"| | {' | '.join(f'{h:.0%}' for h in options.horizon)} |")
    print("| --- |" + " --- |" * len(options.horizon))
    print(f"| as released | {' | '.join(cells(options))} |", flush=True)
    for (home, name), values in VARIANTS.items():
        for value in values if name in options.constant else ():
            with changed(home, name, value):
                print(f"| {name} = {value} | {' | '.join(cells(options))} |", flush=True)


if __name__ == "__main__":
    main()
