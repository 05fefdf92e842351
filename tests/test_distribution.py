"""What is published: wheel and sdist, each installed alone, and the types that a user sees."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import optuna_bisect as ob

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parent.parent
# A study as a user would annotate it; the last line is an error that has to be seen.
TYPED = """
import optuna
import torch

from optuna_bisect import BisectionSampler, TrialPlan, VerdictPruner, Winner
from optuna_bisect import find_winner, trial_plan
from optuna_bisect.adjuster import BisectionLR

def objective(trial: optuna.Trial) -> float:
    plan: TrialPlan = trial_plan(trial)
    steps: int | None = plan.n_steps
    lr: float = trial.suggest_float("lr", 1e-6, 1.0, log=True)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr)
    scheduler = BisectionLR.for_trial(optimizer, trial)
    restored: bool = scheduler.step(0.5)
    return 0.5 if restored or steps is None else 1.0

sampler = BisectionSampler(probe_steps=10, final_steps=100, group_by=("optimizer",))
study = optuna.create_study(sampler=sampler, pruner=VerdictPruner(n_warmup_steps=1))
winner: Winner | None = find_winner(study)
BisectionSampler(probe_steps="ten")
"""


def run(*command: object, **options: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_an_archive_installed_alone_finds_a_rate(built, pattern, tmp_path) -> None:
    (archive,) = built.glob(pattern)
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, "--disable-pip-version-check", "--target", tmp_path, archive)
    code = f"""
    import sys
    sys.path.insert(0, {str(tmp_path)!r})
    import optuna, optuna_bisect
    assert optuna_bisect.__file__.startswith({str(tmp_path)!r})
    study = optuna.create_study(sampler=optuna_bisect.BisectionSampler())
    study.optimize(lambda t: abs(t.suggest_float("lr", 1e-6, 1, log=True) - 1e-2), 12)
    print(optuna_bisect.__version__, abs(study.best_params["lr"] - 1e-2) < 5e-3)
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    printed = run("-c", textwrap.dedent(code), cwd=tmp_path, env=environment)
    assert printed == f"{ob.__version__} True\n"
    assert (tmp_path / "optuna_bisect" / "py.typed").exists()


def test_a_type_checker_knows_the_public_names(tmp_path) -> None:
    (tmp_path / "user.py").write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "user.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )
    last = TYPED.count("\n")
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout
    assert errors[0].startswith(f'user.py:{last}: error: Argument "probe_steps"')
