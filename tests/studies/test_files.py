"""The files of the studies: imports go one way, and every command that is named exists."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "studies").rglob("*.py"))
}
# The log says what commands were called in their time.
TEXTS = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "studies").rglob("*.md")), *FILES.values())
    if path.name != "LOG.md"
]


def imported(path: Path) -> Iterator[str]:
    """Yield what a file may import of the studies, for types as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # A script finds the files beside it by their bare names.
            yield f"studies.{node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_two_files_import_each_other() -> None:
    graph = {name: FILES.keys() & set(imported(path)) for name, path in FILES.items()}
    assert any(graph.values())
    assert set(TopologicalSorter(graph).static_order()) == FILES.keys()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_text_names_is_a_file_that_runs(path) -> None:
    for name in re.findall(r"python -m (studies\.[a-z0-9_.]*[a-z0-9_])", path.read_text()):
        assert 'if __name__ == "__main__":' in FILES[name].read_text(), name
