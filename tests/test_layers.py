"""Imports point down only, and the package loads nothing that it does not need."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from worker_process import finish, start_python

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parent.parent / "optuna_bisect"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
HEAVY = ("torch", "plotly", "pandas", "sklearn", "optuna_dashboard", "matplotlib", "scipy")
# These, and all that they reach, import nothing but numpy and the standard library.
PURE = tuple(n for n in MODULES if n.startswith(("bracket", "verdicts.", "search.", "feedback.")))
# The layers of the design; a module may import from lower layers only.
LAYERS = {
    0: {"verdicts.classifier", "bracket", "feedback.engine"},
    1: {"study.attributes"},
    2: {"study.history", "study.trial_plan"},
    3: {"sampler", "pruners", "decisions.winner", "adjuster"},
    4: {"visualization"},
    5: {"dashboard"},
}
ALLOWED = set(sys.stdlib_module_names) | {"numpy"}
LAYER_OF = {name: layer for layer, names in LAYERS.items() for name in names}


def is_type_checking(node: ast.AST) -> bool:
    """Whether this is a block that never runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through everything that may run, functions included."""
    for child in ast.iter_child_nodes(node):
        if not is_type_checking(child):
            yield child
            yield from statements(child)


def imported(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports, also late."""
    names: set[str] = set()
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own(path: Path) -> set[str]:
    """Return the package's modules that a file imports."""
    names = {name.removeprefix("optuna_bisect.") for name in imported(path)}
    return names & MODULES.keys()


def tops(path: Path) -> set[str]:
    """Return the top-level names of what a file imports from outside."""
    return {name.split(".")[0] for name in imported(path)} - {"optuna_bisect", ""}


GRAPH = {name: own(path) for name, path in MODULES.items()}


def below(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return every module that a module reaches."""
    assert name not in seen, f"{name} imports itself by way of {sorted(seen)}"
    return GRAPH[name].union(*(below(other, seen | {name}) for other in GRAPH[name]))


@pytest.mark.parametrize("name", GRAPH)
def test_imports_point_down_only(name) -> None:
    """No cycle, and nothing of a higher layer is reached, directly or not."""
    reached = below(name)
    if name in LAYER_OF:
        assert all(LAYER_OF.get(other, -1) <= LAYER_OF[name] for other in reached)


@pytest.mark.parametrize("name", [name for name in PURE if name in MODULES])
def test_pure_modules_reach_the_standard_library_and_numpy_only(name) -> None:
    outside = set().union(*(tops(MODULES[other]) for other in {name} | below(name)))
    assert outside <= set(sys.stdlib_module_names) | {"numpy"}


def test_parameter_knows_distributions_and_nothing_else_of_optuna() -> None:
    outside = {n for n in imported(MODULES["study.parameter"]) if n.split(".")[0] not in ALLOWED}
    assert all(n.startswith("optuna.distributions") for n in outside)
    assert not GRAPH["study.parameter"]


def test_what_the_package_imports_reaches_no_optional_dependency_even_late() -> None:
    reached = set().union(*({name} | below(name) for name in own(MODULES["__init__"])))
    assert not reached & {"adjuster", "visualization", "dashboard"}
    assert not set(HEAVY) & set().union(*(tops(MODULES[name]) for name in reached))


@pytest.mark.parametrize("name", MODULES)
def test_only_attrs_touches_the_storage_and_the_keys(name) -> None:
    tree = ast.parse(MODULES[name].read_text())
    attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    strings = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)} - {None}
    keys = {s for s in strings if isinstance(s, str) and s.isidentifier() and "bisect_" in s}
    assert name == "study.attributes" or "_storage" not in attributes
    assert name == "study.attributes" or not {key for key in keys if key.startswith("bisect_")}


def test_import_loads_no_heavy_package() -> None:
    code = f"import optuna_bisect, sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert finish(start_python(["-c", code])) == "[]\n"


def test_a_whole_search_loads_no_heavy_package() -> None:
    code = (
        "import sys, optuna; from synthetic_trainer import *; s = optuna.create_study("
        "sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner());"
        "s.optimize(make_objective(), n_trials=20); assert roles(s)[-1] == 'final';"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert finish(start_python(["-c", code])) == "[]\n"


def test_import_adds_less_than_50_ms_to_import_optuna(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    code = (
        "import time, optuna, optuna.pruners;"
        # Processor time: other processes do not count.
        "t = time.process_time(); import optuna_bisect; print(time.process_time() - t)"
    )
    assert any(float(finish(start_python(["-c", code]))) < 0.05 for _ in range(8))


def test_all_names_of_the_contract_are_public() -> None:
    import optuna_bisect as ob

    fixed = {"BisectionSampler", "VerdictPruner", "OvershootPruner", "UndershootPruner"}
    fixed |= {"Verdict", "Bracket", "trial_plan", "find_winner", "TrialPlan", "Winner"}
    assert fixed <= set(ob.__all__)
    assert all(hasattr(ob, name) for name in ob.__all__)
    assert list(ob.__all__) == sorted(ob.__all__)
