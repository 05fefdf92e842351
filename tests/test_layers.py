"""The rooms of the package: who imports whom, what a room holds, and what an import loads.

The directions of imports stand in ``pyproject.toml`` (import-linter); here is what it cannot say.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp
import pytest
from worker_process import finish, start_python

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "optuna_bisect"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
HEAVY = ("torch", "plotly", "pandas", "sklearn", "optuna_dashboard", "matplotlib", "scipy")
PURE = ("_checks", "bracket", "feedback", "search", "verdicts")
MAX_FLOORS = 9
# The two files that may use what Optuna does not make public.
PRIVATE_ACCESS = ("trials.internals", "workers.heartbeat_guard")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold the contracts of a project against its package."""
    code = "from importlinter.cli import lint_imports as run; raise SystemExit(run(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@cache
def graph() -> grimp.ImportGraph:
    """Return all imports of the package, also late ones and those for types."""
    return grimp.build_graph("optuna_bisect", include_external_packages=True, cache_dir=None)


def room_of(module: str) -> str:
    """Return the folder or root file that a module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def test_imports_keep_the_contracts() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


def test_a_module_that_no_rule_names_breaks_them(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "optuna_bisect")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "optuna_bisect" / "stray.py").write_text('"""Nobody knows why."""\n')
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "stray" in done.stdout


def test_rooms_lie_on_few_floors() -> None:
    below: dict[str, set[str]] = {}
    for module in graph().modules:
        if module.startswith("optuna_bisect"):
            used = graph().find_modules_directly_imported_by(module)
            rooms = {room_of(other) for other in used if other.startswith("optuna_bisect.")}
            below.setdefault(room_of(module), set()).update(rooms - {room_of(module)})

    def floor(room: str) -> int:
        return 1 + max(map(floor, below[room]), default=0)

    assert floor("__init__") <= MAX_FLOORS
    assert max(map(floor, below)) <= MAX_FLOORS


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.name)
def test_a_room_holds_4_to_9_files_and_its_map_names_each(room: Path) -> None:
    names = {path.stem for path in room.glob("*.py")} - {"__init__"}
    assert 4 <= len(names) <= 9
    text = ast.get_docstring(TREES[f"{room.name}.__init__"]) or ""
    named = [line.split("``")[1] for line in text.splitlines() if line.startswith("- ``")]
    assert sorted(named) == sorted(names)


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_the_standard_library_and_numpy_only(room: str) -> None:
    used = {
        other.split(".")[0]
        for module in graph().modules
        if room_of(module) == room and module.startswith("optuna_bisect.")
        for other in graph().find_modules_directly_imported_by(module)
    }
    assert used <= set(sys.stdlib_module_names) | {"numpy", "optuna_bisect"}


def test_parameter_knows_distributions_and_nothing_else_of_optuna() -> None:
    outside = [
        node.module
        for node in ast.walk(TREES["trials.parameter"])
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("optuna")
    ]
    assert set(outside) == {"optuna.distributions"}


def test_decisions_neither_wait_nor_write() -> None:
    for name in MODULES:
        if name.startswith("decisions."):
            words = {n.id for n in ast.walk(TREES[name]) if isinstance(n, ast.Name)}
            called = {n.attr for n in ast.walk(TREES[name]) if isinstance(n, ast.Attribute)}
            assert "time" not in words
            assert not {word for word in called | words if word.startswith("write")}


def own_private_names() -> set[str]:
    """Return every private name that the package itself gives."""
    names: set[str] = set()
    for node in (n for tree in TREES.values() for n in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names | set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_private_names_of_optuna_stand_in_two_files(name: str) -> None:
    if name in PRIVATE_ACCESS:
        return
    nodes = list(ast.walk(TREES[name]))
    used = {n.attr for n in nodes if isinstance(n, ast.Attribute) and n.attr[0] == "_"}
    foreign = {attr for attr in used - own_private_names() if not attr.startswith("__")}
    # A field that a subclass of LRScheduler has to fill, and what NamedTuple makes public so.
    assert foreign <= {"_last_lr", "_replace", "_fields"}
    modules = {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
    assert not {m for m in modules if m.startswith("optuna.") and "._" in m}


@pytest.mark.parametrize("name", MODULES)
def test_one_file_knows_the_keys_of_attributes(name: str) -> None:
    strings = {n.value for n in ast.walk(TREES[name]) if isinstance(n, ast.Constant)}
    keys = {s for s in strings if isinstance(s, str) and s.isidentifier()}
    is_theirs = name == "trials.attribute_keys"
    assert is_theirs or not {key for key in keys if key.startswith("bisect_")}


def test_every_module_has_its_test_file_or_is_named_by_another() -> None:
    paths = list((ROOT / "tests").rglob("test_*.py"))
    named = " ".join(ast.get_docstring(ast.parse(path.read_text())) or "" for path in paths)
    for name in MODULES:
        room, _, module = name.rpartition(".")
        file = ROOT / "tests" / room / f"test_{module.lstrip('_')}.py"
        assert module == "__init__" or file in paths or f"``{name}``" in named, name


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
