"""A trial that the processes of a trainer share, without a trainer."""

from __future__ import annotations

import json
import math
import sys
import textwrap

import optuna
import pytest
from worker_process import finish, start_python

from optuna_bisect import BisectionSampler, VerdictPruner
from optuna_bisect.integrations.group_trial import GroupTrial
from optuna_bisect.integrations.trial_reports import TrialReports


def ask(**options) -> optuna.Trial:
    sampler = BisectionSampler(probe_steps=4, final_steps=100)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner(), **options)
    trial = study.ask()
    trial.suggest_float("lr", 1e-5, 10.0, log=True)
    return trial


def test_a_process_that_trains_alone_is_left_by_an_exception() -> None:
    trial = ask()
    group = GroupTrial(trial)
    group.join()
    reports = TrialReports(group.trial, 100)
    assert not group.add(reports, 1.0)
    with pytest.raises(optuna.TrialPruned):
        group.add(reports, math.nan)
    group.leave()
    group.check_pruned()
    GroupTrial(optuna.trial.FixedTrial({"lr": 0.1})).check_pruned()


# Forks, as Lightning does; in the final trial the loss of the second process alone is finite.
FORKED = """
import json, math, os, sys, optuna, torch, torch._dynamo, torch.distributed as dist
from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.integrations.group_trial import GroupTrial
from optuna_bisect.integrations.trial_reports import TrialReports
optuna.logging.set_verbosity(optuna.logging.ERROR)
torch.set_num_threads(1)
folder = sys.argv[1]

def train(group, rank, number):
    store = f"file://{folder}/store-{number}"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    group.join()
    reports = TrialReports(group.trial, 100)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    reports.adjust(optimizer, interval_steps=1)
    for step in range(100):
        loss = math.nan if reports.role == "final" and not rank and step == 7 else 1 / (step + 1)
        reports.val_loss = 1.0
        if group.add(reports, loss):
            break
    group.leave()
    print(rank, type(group.trial).__name__, step, flush=True)
    dist.barrier()

def objective(trial):
    trial.suggest_float("lr", 1e-5, 10.0, log=True)
    group, pids = GroupTrial(trial), []
    for rank in range(2):
        pids.append(os.fork())
        if not pids[-1]:
            train(group, rank, trial.number)
            os._exit(0)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
    group.check_pruned()
    return 1.0

sampler = BisectionSampler(probe_steps=4, final_steps=100, max_probes=1)
study = optuna.create_study(
    sampler=sampler, pruner=VerdictPruner(), storage=f"sqlite:///{folder}/s.db")
study.optimize(objective, n_trials=2)
for trial in study.trials:
    role, verdict = (trial.user_attrs.get(f"bisect_{key}") for key in ("role", "verdict"))
    n_losses = len((trial.system_attrs.get("bisect:losses") or {}).get("points", ()))
    print(json.dumps([trial.state.name, role, verdict, trial.last_step, n_losses]))
# A clone carries what was noted on the trial that died.
noted = {"bisect:pruned": 0}
waiting = optuna.trial.TrialState.WAITING
study.add_trial(optuna.trial.create_trial(state=waiting, system_attrs=noted))
GroupTrial(study.ask()).check_pruned()
"""


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_launched_processes_prune_for_the_one_that_waits(tmp_path) -> None:
    lines = finish(start_python(["-c", textwrap.dedent(FORKED), str(tmp_path)])).splitlines()
    # The probe ends at its fourth report, the final trial at the loss that is not finite.
    assert sorted(lines[:2]) == ["0 Trial 3", "1 FixedTrial 3"]
    assert sorted(lines[2:4]) == ["0 Trial 7", "1 FixedTrial 7"]
    probe, final = (json.loads(line) for line in lines[4:])
    assert probe[:2] == ["PRUNED", "probe"]
    assert probe[3:] == [3, 4]
    assert final[:4] == ["PRUNED", "final", "overshoot", 6]
    assert final[4] > 0
