"""Several processes that train one model, or that only share a process group.

Covers ``training.distributed`` beside ``test_distributed``.
"""

from __future__ import annotations

import sys
import textwrap

import pytest
from worker_process import HERE, finish, start_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo with a file store")
START = """
import math, sys, time, optuna, torch, torch.distributed as dist
from optuna_bisect import Bracket, BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.training import distributed
torch.set_num_threads(1)
optuna.logging.set_verbosity(optuna.logging.ERROR)
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)

def make(lr=0.1, **options):
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    options = dict(start_lr=lr, probe_steps=2, final_steps=100, interval_steps=2,
                   feedback=False) | options
    return BisectionLR(optimizer, Bracket(1e-4, 10.0), **options)

def refusal(call):
    try:
        call()
    except RuntimeError as error:
        return str(error)
    return "no error"
"""
END = """
dist.barrier()
dist.destroy_process_group()
"""


def on_two_ranks(code: str, folder) -> list[str]:
    """Run code on both ranks; return what each printed."""
    code = START + textwrap.dedent(code) + END
    workers = [start_python(["-c", code, str(rank), f"{folder}/store"]) for rank in (0, 1)]
    return [finish(worker) for worker in workers]


def test_a_rank_that_steps_alone_is_told_so_instead_of_hanging(tmp_path) -> None:
    code = """
    if rank == 0:
        distributed.PATIENCE_SECONDS = 1.0
        scheduler = make()
        print(refusal(lambda: [scheduler.step(1.0) for _ in range(2)]))
        # Neither the second try nor the hand-over of a plan hangs.
        print(refusal(lambda: [scheduler.step(1.0) for _ in range(2)]))
        trial = optuna.create_study(sampler=BisectionSampler()).ask()
        trial.suggest_float("lr", 1e-3, 1.0, log=True)
        print(refusal(lambda: BisectionLR.for_trial(scheduler.optimizer, trial)))
    """
    first, second = on_two_ranks(code, tmp_path)
    lines = first.splitlines()
    assert len(lines) == 3
    assert all("on rank 0 but not on [1] of 2 processes" in line for line in lines)
    assert all("sync=False" in line for line in lines)
    assert second == ""


@pytest.mark.parametrize("kind", ["rates", pytest.param("steps", marks=pytest.mark.soak)])
def test_runs_of_two_ranks_that_are_not_one_are_refused_and_sync_false_keeps_them_apart(
    kind, tmp_path
) -> None:
    code = f"""
    other = dict(lr=0.3) if "{kind}" == "rates" else dict(interval_steps=3)
    scheduler = make(**(other if rank else {{}}))
    n_steps = 3 if rank and "{kind}" == "steps" else 2
    print(refusal(lambda: [scheduler.step(1.0 + rank) for _ in range(n_steps)]))
    dist.barrier()
    alone = make(0.1 + 0.2 * rank, sync=False)
    for _ in range(10 * (1 + rank)):
        alone.step(1.0 + rank)
    print(alone._run.state.levels[-1], round(alone.get_last_lr()[0], 9))
    """
    first, second = on_two_ranks(code, tmp_path)
    assert first.splitlines()[0] == "no error"
    assert "follows rank 0" in second
    assert "rank 1 is at" in second
    assert first.splitlines()[1] == "1.0 0.1"
    assert second.splitlines()[1] == "2.0 0.3"


@pytest.mark.soak
def test_ranks_with_different_plans_are_refused(tmp_path) -> None:
    """As where each rank runs a study of its own: one has the final trial, the other a probe."""
    code = """
    study = optuna.create_study(
        sampler=BisectionSampler(probe_steps=10 + rank, final_steps=100), study_name="s")
    trial = study.ask()
    lr = trial.suggest_float("lr", 1e-3, 1.0, log=True)
    optimizer = make(lr).optimizer
    print(refusal(lambda: BisectionLR.for_trial(optimizer, trial)))
    print(refusal(lambda: BisectionLR.for_trial(optimizer, trial, sync=False)))
    """
    first, second = on_two_ranks(code, tmp_path)
    assert first == "no error\nno error\n"
    assert "whose trial is" in second
    assert second.endswith("\nno error\n")


@pytest.mark.soak
def test_a_search_that_hands_fixed_trials_to_other_ranks_takes_the_plan_of_rank_0(
    tmp_path,
) -> None:
    """As Transformers does: rank 0 has the trial, the others a FixedTrial of its parameters."""
    code = """
    def train(trial):
        lr = trial.suggest_float("lr", 1e-5, 10.0, log=True)
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 1)
        ddp = torch.nn.parallel.DistributedDataParallel(model)
        optimizer = torch.optim.SGD(model.parameters(), lr)
        scheduler = BisectionLR.for_trial(optimizer, trial)
        rates = []
        for step in range(60):
            x = torch.randn(8, 4, generator=torch.Generator().manual_seed(2 * step + rank))
            loss = ((ddp(x) - x.sum(1, keepdim=True)) ** 2).mean()
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            scheduler.step(loss)
            rates.append(scheduler.get_last_lr()[0])
            trial.report(loss.item(), step)
            stop = [trial.should_prune()]
            dist.broadcast_object_list(stop, src=0)
            if stop[0]:
                break
        print(scheduler._is_active, rates)
        if stop[0]:
            raise optuna.TrialPruned
        return loss.item()

    def lead(trial):
        trial.suggest_float("lr", 1e-5, 10.0, log=True)
        dist.broadcast_object_list([optuna.trial.FixedTrial(trial.params, trial.number)], src=0)
        return train(trial)

    if rank == 0:
        study = optuna.create_study(
            sampler=BisectionSampler(probe_steps=10, final_steps=60), pruner=VerdictPruner())
        study.optimize(lead)
        dist.broadcast_object_list([None], src=0)
    while rank:
        box = [None]
        dist.broadcast_object_list(box, src=0)
        if box[0] is None:
            break
        assert trial_plan(box[0]).role is None
        try:
            train(box[0])
        except optuna.TrialPruned:
            pass
    # Each rank by itself runs a fixed trial as the final one.
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    fixed = optuna.trial.FixedTrial({"lr": 0.1})
    print(BisectionLR.for_trial(optimizer, fixed, sync=False)._is_active)
    """
    first, second = on_two_ranks(code, tmp_path)
    assert first == second
    runs = [line.split()[0] for line in first.splitlines()]
    assert runs[-2:] == ["True", "True"]
    assert set(runs[:-2]) == {"False"}


def test_zero_keeps_and_restores_the_part_of_each_rank(tmp_path) -> None:
    code = """
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own
        from torch.distributed.optim import ZeroRedundancyOptimizer
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 1))
    ddp = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=0.01)
    scheduler = BisectionLR(
        optimizer, None, start_lr=0.01, probe_steps=10, final_steps=200, interval_steps=1,
        restore=(ddp, optimizer), leg_fraction=0.0)
    restored = []
    for step in range(120):
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(2 * step + rank))
        loss = ((ddp(x) - x.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        if scheduler.step(loss * math.nan if step in (3, 80) else loss):
            restored.append(step)
    rates = {group["lr"] for group in optimizer.param_groups + optimizer.optim.param_groups}
    # ZeRO hands the rates to its own part at each update.
    weights = [float(p.detach().sum()) for p in model.parameters()]
    print(restored, sorted(rates)[-1] <= 0.01 / 3, weights)
    assert math.isfinite(float(loss.detach()))
    """
    first, second = on_two_ranks(code, tmp_path)
    assert first == second
    assert first.startswith("[3, 80] True")


ACCELERATE = """
    class AcceleratedScheduler:
        # A small copy of Accelerate 1.15's, with two processes.
        def __init__(self, scheduler, step_with_optimizer=True, split_batches=False):
            self.scheduler, self.split_batches = scheduler, split_batches
            self.step_with_optimizer = step_with_optimizer

        def step(self, *args):
            if not self.step_with_optimizer:
                return self.scheduler.step(*args)
            if self.split_batches:
                self.scheduler.step(*args)
            else:
                for _ in range(2):
                    self.scheduler.step(*args)
"""


@pytest.mark.soak
def test_accelerates_prepared_scheduler_is_refused_where_it_would_step_twice(tmp_path) -> None:
    code = f"""{ACCELERATE}
    for options in {{}}, {{"split_batches": True}}, {{"step_with_optimizer": False}}:
        wrapped = AcceleratedScheduler(make(), **options)
        said = refusal(lambda: [wrapped.step(1.0) for _ in range(4)])
        print(wrapped.scheduler.last_epoch, said)
    """
    for printed in on_two_ranks(code, tmp_path):
        refused, split, apart = printed.splitlines()
        assert refused.startswith("0 Accelerate steps a prepared scheduler 2 times")
        assert "step_scheduler_with_optimizer=False" in refused
        assert split == apart == "4 no error"


def test_the_example_of_several_processes_finds_a_rate_and_ends_on_every_rank(tmp_path) -> None:
    """With two gloo processes and ``TorchDistributedTrial`` of optuna_integration."""
    example = HERE.parents[1] / "studies" / "examples" / "distributed.py"
    code = f"""
import optuna, runpy, sys, warnings
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # TorchDistributedTrial is
import torch.distributed as dist
begin = dist.init_process_group
dist.init_process_group = lambda backend: begin(
    backend, init_method="file://" + sys.argv[2], rank=int(sys.argv[1]), world_size=2)
runpy.run_path({str(example)!r}, run_name="__main__")
"""
    workers = [start_python(["-c", code, str(rank), f"{tmp_path}/store"]) for rank in (0, 1)]
    first, second = (finish(worker) for worker in workers)
    assert first.startswith("{'lr': ")
    assert second == ""
