"""The recorded sweeps: the optimizers are torch's, models do not touch each other, runs resume."""

from __future__ import annotations

import gzip
import json
import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from studies.shared.data import loss_of  # noqa: E402
from studies.sweeps import best_rates, fleet, record, tasks  # noqa: E402
from studies.sweeps.archive import SCHEDULES, Archive  # noqa: E402
from studies.sweeps.optimizers import RULES  # noqa: E402

LRS = (1e-4, 1e-3, 1e-2)
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": lambda weights, lr: torch.optim.SGD(weights, lr, momentum=0.9),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small(monkeypatch):
    """A problem of 50 steps."""
    problem = tasks.PROBLEMS["friedman-mlp"]._replace(total_steps=50)
    monkeypatch.setitem(tasks.PROBLEMS, "friedman-mlp", problem)
    monkeypatch.setattr(record, "COSINE_THINNING", 5)
    return problem


def plain_losses(problem, optimizer, lr, n_steps, decay):
    """Train one model as anybody would."""
    torch.manual_seed(0)
    network = problem.build()
    optimizer = OPTIMIZERS[optimizer](network.parameters(), lr)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, decay)
    losses = []
    for (inputs, targets), _ in zip(fleet.batches(problem.load(), problem, 0), range(n_steps)):
        loss = loss_of(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers_and_schedules_are_those_of_torch(optimizer, small):
    _, recorder = fleet.train(small._replace(total_steps=25), optimizer, 0, LRS, 25)
    for i, lr in enumerate(LRS):
        constant = plain_losses(small, optimizer, lr, 25, lambda step: 1.0)
        cosine = plain_losses(
            small, optimizer, lr, 25, lambda step: 0.5 * (1 + math.cos(math.pi * step / 25))
        )
        assert recorder.reports[i] == pytest.approx(constant, rel=1e-3)
        assert recorder.reports[len(LRS) + i] == pytest.approx(cosine, rel=1e-3)


def test_a_model_that_diverges_does_not_change_the_others(small):
    _, alone = fleet.train(small, "sgd", 0, LRS, 10)
    _, beside = fleet.train(small, "sgd", 0, (*LRS, 1e30), 10)
    rows = [0, 1, 2, 4, 5, 6]
    assert alone.reports == pytest.approx(beside.reports[rows], rel=1e-5)
    assert alone.finals == pytest.approx(beside.finals[rows], rel=1e-5)
    assert math.isnan(beside.reports[3, -1])
    assert math.isinf(beside.finals[3])


@pytest.mark.parametrize("name", tasks.PROBLEMS)
def test_every_problem_trains_and_starts_at_its_untrained_loss(name):
    pytest.importorskip("mlxtend")
    problem = tasks.PROBLEMS[name]._replace(total_steps=25)
    initial, recorder = fleet.train(problem, "adam", 0, (1e-7, 1e-2), 5)
    assert recorder.reports[0] == pytest.approx(initial, rel=0.2)
    assert recorder.finals[1] < 0.97 * initial


def test_every_task_names_a_problem_and_an_optimizer():
    for task in tasks.TASKS:
        problem, optimizer = task.split("/")
        assert problem in tasks.PROBLEMS
        assert optimizer in RULES


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_interrupted_recording_gives_the_same_files(small, tmp_path, monkeypatch):
    task, options = ["friedman-mlp/sgd"], {"seeds": (0, 1), "lrs": (*LRS, 1e30), "n_reports": 10}
    record.sweep(task, tmp_path / "whole", **options)
    broken = tmp_path / "broken"
    original = record.record

    def record_once(task, seed, *args):
        if seed == 1:
            raise KeyboardInterrupt
        return original(task, seed, *args)

    monkeypatch.setattr(record, "record", record_once)
    with pytest.raises(KeyboardInterrupt):
        record.sweep(task, broken, **options)
    with (broken / "sweep.jsonl").open("a") as file:
        file.write('{"task": "friedman-mlp/sgd", "lr"')
    monkeypatch.setattr(record, "record", original)
    record.sweep(task, broken, **options)
    assert contents(broken) == contents(tmp_path / "whole")
    assert set(contents(broken)) == {"sweep_constant.jsonl.gz", "sweep_cosine.jsonl.gz"}


def test_a_line_is_a_run_and_ends_where_the_loss_broke(small, tmp_path):
    record.sweep(["friedman-mlp/sgd"], tmp_path, seeds=(0,), lrs=(*LRS, 1e30), n_reports=10)
    with gzip.open(tmp_path / "sweep_constant.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    assert [row["lr"] for row in rows] == [*LRS, 1e30]
    assert [len(row["reports"]) for row in rows] == [10, 10, 10, 1]
    assert rows[3]["reports"] == [None]
    assert rows[3]["final"] is None
    assert rows[0]["total_steps"] == rows[0]["report_steps"] * 10


def test_the_best_rate_lies_between_the_recorded_ones_and_ignores_broken_runs():
    def valley(log_lr):
        return (log_lr + 2.1) ** 2 if log_lr < 0 else math.inf

    rows = [
        {"lr": 10**k, "seed": seed, "initial": 30.0} for k in range(-6, 2) for seed in range(2)
    ]
    losses = [valley(math.log10(row["lr"])) for row in rows]
    lr, loss = best_rates.best_rates(rows, losses)
    assert math.log10(lr) == pytest.approx(-2.1)
    assert loss == pytest.approx(0.01)


def test_beta_is_the_exponent_between_short_and_full_runs(tmp_path):
    def row(log_lr, schedule):
        short, full = (log_lr + 1) ** 2, (log_lr + 2) ** 2
        steps = {"report_steps": 1, "total_steps": 100, "reports": [short] * 10}
        row = {"task": "a/sgd", "lr": 10.0**log_lr, "seed": 0, "initial": 99.0, "final": full}
        return row | steps | ({} if schedule == "constant" else {"schedule": schedule})

    rows = Archive(tmp_path, 10)
    rows.add([row(k, schedule) for schedule in SCHEDULES for k in range(-4, 1)])
    rows.pack()
    (entry,) = best_rates.summarize(tmp_path, 0.1)
    assert entry["short"] == pytest.approx(0.1)
    assert entry["constant"] == pytest.approx((0.01, 0, 1))


def test_the_table_has_a_line_per_task_and_per_optimizer(small, tmp_path, capsys):
    record.sweep(["friedman-mlp/adam"], tmp_path, seeds=(0,), lrs=LRS, n_reports=10)
    capsys.readouterr()
    best_rates.print_table(tmp_path, share=0.3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| friedman-mlp/adam | 0.99")
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["| adam", "| all"]
    assert not any("nan" in line for line in lines)
