"""The README shows an example as it is, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import optuna_bisect as ob

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
# A link to a file, and the code block that follows it before any other link.
LINKED_CODE = re.compile(r"(?ms)\]\(([^)]+\.py)\)(?:(?!\]\().)*?^```python\n(.*?)^```$")
FENCED = re.compile(r"(?ms)^```.*?^```$")


def test_every_code_block_is_the_file_that_it_links() -> None:
    blocks = LINKED_CODE.findall(README)
    assert len(blocks) == README.count("```python") > 0
    for path, code in blocks:
        assert code == (ROOT / path).read_text()


def test_the_two_commands_stand_in_the_readme() -> None:
    assert "make study" in README
    assert "make test" in README


def test_the_newest_version_is_the_same_everywhere() -> None:
    changes = re.findall(r"(?m)^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text())
    assert changes[:2] == ["Unreleased", ob.__version__]
    assert f"version = {{{ob.__version__}}}" in README


@pytest.mark.parametrize("page", ["README.md", "studies/README.md"])
def test_every_link_and_anchor_resolves(page) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)]+)\)", FENCED.sub("", path.read_text()))
    inside = [link for link in links if not link.startswith("https://")]
    assert inside
    for link in inside:
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
