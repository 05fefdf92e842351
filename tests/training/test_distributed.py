"""Two processes that train one model."""

from __future__ import annotations

import sys
import textwrap

import pytest
from worker_process import finish, start_python

WORKER = """
import sys, torch, torch.distributed as dist
from optuna_bisect.adjuster import BisectionLR
from sine_fit import build, WIDE, OPTIONS
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://{store}", rank=rank, world_size=2)
model, optimizer = build(20.0)
ddp = torch.nn.parallel.DistributedDataParallel(model)
options = dict(OPTIONS, final_steps=200, interval_steps=1)
scheduler = BisectionLR(optimizer, WIDE, start_lr=20.0, restore=(ddp, optimizer), **options)
log = []
for step in range({n_steps}):
    generator = torch.Generator().manual_seed(2 * step + rank)
    x = torch.randn(16, 6, generator=generator)
    loss = ((ddp(x) - x[:, :1]) ** 2).mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    log.append((scheduler.step(loss), scheduler.get_last_lr()[0]))
total = sum(float(p.detach().double().sum()) for p in model.parameters())
print([log, [tuple(e) for e in scheduler.history], total])
# No rank goes while the other still talks: one was seen to abort at its end.
dist.barrier()
dist.destroy_process_group()
"""


needs_gloo = pytest.mark.skipif(sys.platform == "win32", reason="gloo with a file store")


@needs_gloo
def test_two_processes_make_the_same_moves_though_their_losses_differ(tmp_path):
    """Rank 0 decides: each process sees other data, both end with the same weights."""
    code = textwrap.dedent(WORKER).format(store=tmp_path / "store", n_steps=200)
    workers = [start_python(["-c", code, str(rank)]) for rank in (0, 1)]
    first, second = (finish(worker) for worker in workers)
    assert first == second
    assert "settled" in first


# Forks of a process that has imported all: what is looked at is how they end.
REPEATED = """
import os, sys, warnings, torch, torch.distributed, torch._dynamo, optuna_bisect.adjuster, sine_fit
warnings.simplefilter("ignore")
for i in range(20):
    pids = []
    for rank in "01":
        pids.append(os.fork())
        if pids[-1] == 0:
            sys.argv[1:] = [rank]
            exec({code!r}.replace("STORE", f"{store}-{{i}}"))
            sys.exit()
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert codes == [0, 0], (i, codes)
"""


@pytest.mark.soak
@needs_gloo
def test_two_processes_end_well_twenty_times_under_load(tmp_path) -> None:
    """One was seen to abort at its end: "terminate called without an active exception"."""
    code = textwrap.dedent(WORKER).format(store="STORE", n_steps=5)
    load = [start_python(["-c", "while True: pass"]) for _ in range(2)]
    try:
        printed = finish(
            start_python(["-c", REPEATED.format(code=code, store=tmp_path / "s")]), 900
        )
    finally:
        for process in load:
            process.kill()
            process.communicate()
    assert len(printed.splitlines()) == 40
