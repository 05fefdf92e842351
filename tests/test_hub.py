"""The folder for OptunaHub: what ``make optunahub`` writes works without the package."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import optunahub
import pytest
import yaml
from synthetic_trainer import STEPS, make_objective
from worker_process import finish, start_python

import optuna_bisect as ob

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("registry")
    runpy.run_path(str(ROOT / "studies" / "optunahub" / "build.py"))["build"](root)
    return root


@pytest.fixture(scope="module")
def module(registry: Path) -> ModuleType:
    return optunahub.load_local_module("samplers/bisection", registry_root=f"{registry}/package")


def test_the_folder_has_what_the_registry_asks_for(registry: Path) -> None:
    folder = registry / "package" / "samplers" / "bisection"
    names = {"__init__.py", "README.md", "LICENSE", "example.py", "tests/test_bisection.py"}
    assert {name for name in names if (folder / name).is_file()} == names
    _, front_matter, text = (folder / "README.md").read_text().split("---\n", 2)
    fields = yaml.safe_load(front_matter)
    assert set(fields) == {
        "author", "title", "description", "tags", "optuna_versions", "license",
    }  # fmt: skip
    assert all(fields.values())
    assert "sampler" in fields["tags"]
    assert fields["optuna_versions"] == [optuna.__version__]
    assert "<" not in text  # no HTML tags


def test_its_readme_names_every_argument_of_the_sampler() -> None:
    readme = (ROOT / "studies" / "optunahub" / "bisection" / "README.md").read_text()
    arguments = ob.BisectionSampler.__init__.__kwdefaults__
    assert [name for name in arguments if f"{name}={arguments[name]}" not in readme] == []


def test_the_loaded_sampler_makes_the_same_trials_as_the_package(module: ModuleType) -> None:
    studies = []
    for source in (ob, module):
        sampler = source.BisectionSampler(**STEPS)
        study = optuna.create_study(sampler=sampler, pruner=source.VerdictPruner())
        study.optimize(make_objective())
        studies.append([(t.params, t.state, t.user_attrs["bisect_role"]) for t in study.trials])
    assert module.BisectionSampler is not ob.BisectionSampler
    assert studies[0] == studies[1]
    assert studies[1][-1][2] == "final"


def test_the_scheduler_comes_when_it_is_asked_for(module: ModuleType) -> None:
    pytest.importorskip("torch", reason="no torch")
    assert "BisectionLR" in module.__all__
    assert module.BisectionLR.__module__.startswith(module.__name__)


def test_the_example_runs_without_the_package_and_without_torch(registry: Path) -> None:
    code = (
        # Nobody who loads the folder has the package.
        "import os, runpy, sys; sys.modules['optuna_bisect'] = None; os.chdir(sys.argv[1]);"
        "runpy.run_path('package/samplers/bisection/example.py'); print('torch' in sys.modules)"
    )
    *_, found, has_torch = finish(start_python(["-c", code, str(registry)])).splitlines()
    assert "'lr':" in found
    assert has_torch == "False"


@pytest.mark.soak
def test_the_tests_that_it_brings_pass(registry: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "package"],
        cwd=registry,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
