"""A first probe at 1 / sharpness: replayed and live, in short."""

from __future__ import annotations

from studies.recorded import edge_start
from studies.recorded.bench import TABLES, Setting, load
from studies.sweeps.tasks import PROBLEMS


def test_from_half_the_edge_a_recorded_search_needs_fewer_probes() -> None:
    task = next(t for t in load(TABLES, 0.05) if t.name == "digits-mlp/sgd")
    setting = Setting(0.05, 1e-6, 1.0)
    start = edge_start.edge(PROBLEMS["digits-mlp"], 0) / 2
    cold = edge_start.replay(task, setting, 0, None)
    warm = edge_start.replay(task, setting, 0, start)
    assert warm.n_probes < cold.n_probes
    assert warm.cost < cold.cost
    assert warm.loss < 0.02


def test_live_the_measurement_is_paid_and_the_training_is_the_same(monkeypatch) -> None:
    monkeypatch.setattr(edge_start, "N_EXAMPLES", 32)
    problem = PROBLEMS["digits-mlp"]._replace(total_steps=200)
    cold, warm = (edge_start.train(problem, 0, 0.2, is_warm=w) for w in (False, True))
    assert cold.n_probes >= warm.n_probes >= 3
    assert warm.cost > 0
    assert max(cold.loss, warm.loss) < 1.0


def test_the_tables_have_a_row_for_each_start(monkeypatch, capsys) -> None:
    monkeypatch.setattr(edge_start, "RECORDED", ("digits-mlp",))
    edge_start.print_replay([0.05], 1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(edge_start.RANGES) * len(edge_start.SHARES)
    assert sum("0.5 x edge" in line for line in lines) == 2
