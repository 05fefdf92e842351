"""The reference of public names builds without a warning; it holds what is public and no more."""

from __future__ import annotations

import importlib
import re
import runpy
from pathlib import Path

import pytest

pytest.importorskip("pdoc", reason="no pdoc")
ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / "studies" / "reference" / "build.py"))
# The callbacks import trainers, which takes longer than all else.
MODULES = [name for name in REFERENCE["MODULES"] if "integrations" not in name]


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("api")
    REFERENCE["build"](folder, MODULES)
    files = {name: folder / f"{name.replace('.', '/')}.html" for name in MODULES}
    return {name: file.read_text() for name, file in files.items()}


@pytest.mark.parametrize("module", MODULES)
def test_a_page_holds_every_public_name_and_no_private_one(pages, module) -> None:
    names = set(re.findall(r'<section id="([\w.]+)"', pages[module]))
    assert names >= set(getattr(importlib.import_module(module), "__all__", ()))
    private = {name for name in names if re.search(r"(^|\.)_(?!_init__$)", name)}
    assert names
    assert not private


def test_what_a_host_calls_is_left_out_and_what_a_loop_calls_is_not(pages) -> None:
    sampler, scheduler = pages["optuna_bisect"], pages["optuna_bisect.adjuster"]
    assert 'id="BisectionSampler.from_study"' in sampler
    assert 'id="BisectionSampler.sample_independent"' not in sampler
    assert 'id="BisectionLR.step"' in scheduler


def test_the_first_page_leads_to_all_others(pages) -> None:
    first = pages["optuna_bisect"]
    for module in MODULES[1:]:
        if module != "optuna_bisect.feedback.settings":  # linked where it is used
            assert f'href="optuna_bisect/{module.split(".", 1)[1]}.html"' in first, module
    assert "settings.html" in pages["optuna_bisect.adjuster"]
