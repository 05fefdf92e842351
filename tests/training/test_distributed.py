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
for step in range(200):
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
    code = textwrap.dedent(WORKER).format(store=tmp_path / "store")
    workers = [start_python(["-c", code, str(rank)]) for rank in (0, 1)]
    first, second = (finish(worker) for worker in workers)
    assert first == second
    assert "settled" in first


@pytest.mark.soak
@needs_gloo
def test_two_processes_end_well_twenty_times_under_load(tmp_path) -> None:
    """One was seen to abort at its end: "terminate called without an active exception"."""
    load = [start_python(["-c", "while True: pass"]) for _ in range(2)]
    try:
        for i in range(20):
            place = tmp_path / str(i)
            place.mkdir()
            test_two_processes_make_the_same_moves_though_their_losses_differ(place)
    finally:
        for process in load:
            process.kill()
            process.communicate()
