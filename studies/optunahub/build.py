"""Writes this package as a folder of OptunaHub's registry: ``python studies/optunahub/build.py``.

The registry takes folders, and nothing has to be installed beside Optuna. So the folder brings the
modules that a sampler needs, with imports relative to it, in the registry's own format.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = "optuna_bisect"
ROOTS = (PACKAGE, f"{PACKAGE}.adjuster", f"{PACKAGE}.terminal")
# What the registry checks before it takes a folder: https://github.com/optuna/optunahub-registry
FORMAT = (
    "line-length = 99",
    "lint.isort.known-third-party = ['optuna']",
    "lint.isort.lines-after-imports = 2",
    "lint.isort.force-single-line = true",
    "lint.isort.force-sort-within-sections = true",
    "lint.isort.order-by-type = false",
)


def path_of(module: str) -> Path:
    """Return the file of a module, that of its map for a room."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(module: str) -> Iterator[str]:
    """Yield the own modules that one imports, late or for types as well."""
    for node in ast.walk(ast.parse(path_of(module).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (node.module, *(name for name in names if path_of(name).exists()))
    if "." in module:
        yield module.rpartition(".")[0]  # the map of its room


def closure(modules: Iterable[str]) -> set[str]:
    """Return the modules and all that they import of this package."""
    found, left = set[str](), list(modules)
    while left:
        module = left.pop()
        if module not in found:
            found.add(module)
            left += imported(module)
    return found


def relative(module: str) -> str:
    """Return the source of a module, with its imports relative to where it lies."""
    path = path_of(module)
    dots = "." * len(path.relative_to(ROOT).parts[:-1])
    import_line = rf"(?m)^(\s*from ){PACKAGE}\.?([\w.]*) import"
    text = re.sub(import_line, rf"\1{dots}\2 import", path.read_text())
    return text.replace(f"pip install {PACKAGE}[torch]", "pip install torch")


def write_package(folder: Path) -> None:
    """Write the modules, as ``_optuna_bisect`` inside the folder."""
    for module in closure(ROOTS):
        target = folder / f"_{path_of(module).relative_to(ROOT)}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(relative(module))


def write_template(folder: Path) -> None:
    """Write what the registry asks for beside the code: README, licence, example and tests."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(HERE / "bisection", folder, ignore=ignored)
    shutil.copy(ROOT / "LICENSE", folder)
    readme = folder / "README.md"
    # "Confirmed to work with" is what is installed where the folder is written.
    readme.write_text(readme.read_text().replace("OPTUNA_VERSION", optuna.__version__))


def lint(folder: Path) -> None:
    """Put the folder into the registry's format with its linter."""
    ruff = [sys.executable, "-m", "ruff"]
    settings = [part for line in FORMAT for part in ("--config", line)]
    check = ["check", "--fix", "--quiet", "--extend-select", "I"]
    for command in (check, ["format", "--quiet"]):
        subprocess.run([*ruff, *command, "--isolated", *settings, folder], check=True)  # noqa: S603


def build(root: Path) -> Path:
    """Write the folder below the root of a registry, anew; return it."""
    folder = root / "package" / "samplers" / "bisection"
    shutil.rmtree(folder, ignore_errors=True)
    write_template(folder)
    write_package(folder)
    lint(folder)
    return folder


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "optunahub"))
