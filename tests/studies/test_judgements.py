"""Verdicts are held against the truth of the recorded runs, each under the rule that gave it."""

from __future__ import annotations

import gzip
import json
import math

import pytest

pytest.importorskip("plotly")
from optuna_bisect.verdicts.classifier import classify
from optuna_bisect.verdicts.curve import Curve, Run
from studies.judgements import compare
from studies.judgements.tables import (
    Judgement,
    brier_score,
    calibration_error,
    confusion,
    make_bins,
)
from studies.recorded.bench import Bench, Setting, load

BEST = 10**-2.25


def loss(lr: float, step: int) -> float:
    """Return a loss that falls fastest at ``BEST`` and explodes two decades above."""
    decades = math.log10(lr / BEST)
    if decades >= 2:
        return 2.3 * 10.0 ** min(step, 300)
    return 2.3 - 2 * math.exp(-((decades / 0.6) ** 2)) * step / (step + 6)


@pytest.fixture
def table(tmp_path):
    """One task, recorded at four rates a decade, with two seeds."""
    path = tmp_path / "sweep.jsonl.gz"
    with gzip.open(path, "wt") as lines:
        for i in range(33):
            lr = 10 ** (-7 + i / 4)
            reports = [loss(lr, step) for step in range(1, 121)]
            run = {"task": "toy/sgd", "lr": lr, "initial": 2.3, "reports": reports}
            run |= {"report_steps": 1, "total_steps": 1000, "final": loss(lr, 1000)}
            for seed in range(2):
                lines.write(json.dumps(run | {"seed": seed}) + "\n")
    return path


def make(confidence: float, *, right: bool, verdict: str = "overshoot") -> Judgement:
    truth = verdict if right else "balanced"
    return Judgement("toy", "cut", verdict, confidence, 0.2, 1.0, truth, truth)


def test_a_short_replay_judges_every_probe_by_the_recorded_runs(table) -> None:
    found = compare.collect([table], [Setting(0.1, 1e-6, 1.0)], 2)
    assert len(found) >= 8
    assert {j.rule for j in found} >= {"cut behind the incumbent", "end, best so far"}
    assert {j.verdict for j in found} == {"overshoot", "undershoot", "balanced"}
    for j in found:
        assert 0.5 < j.confidence <= 1
        assert 0 < j.share <= 1
        if j.decades < compare.HALF_POINT:
            assert j.truth == "balanced"
        elif j.decades > 1:
            assert j.truth != "balanced"
    far = [j for j in found if j.decades > 1]
    assert all(j.is_right for j in far)


def test_the_truth_is_the_best_run_inside_the_range(table) -> None:
    task = load([table], 0.1)[0]
    inside = compare.find_truth(task, Bench(task, Setting(0.1, 1e-6, 1.0), 0))
    assert inside.best == pytest.approx(BEST)
    assert [inside.about(lr) for lr in (BEST / 10, BEST * 1.5, BEST * 10)] == [
        "undershoot",
        "balanced",
        "overshoot",
    ]
    assert inside.full_best > inside.best
    outside = compare.find_truth(task, Bench(task, Setting(0.1, 1e-7, 1e-5), 0))
    assert outside.best < BEST / 10
    assert outside.about(1e-6) == "undershoot"


CASES = {
    "not finite": (2.3, 2.2, math.nan),
    "above the initial loss": (2.3, 60.0, 52.0, 51.0, 50.5),
    "moved and came back": (2.3, 9.0, 2.301, 2.3, 2.301, 2.299, 2.3, 2.301),
    "turned round": (*(2.3 - 0.2 * i for i in range(7)), *(1.1 + 0.1 * i for i in range(1, 7))),
    "no progress, higher since": (2.3, 9.0, 2.5, 4.0),
    "no progress": (2.3, 2.301, 2.299, 2.3, 2.301),
    "alone, straight": tuple(2.3 - 0.1 * i for i in range(13)),
    "alone, flattened": tuple(1 + 1.3 * 0.5**i for i in range(13)),
    "end, best so far": tuple(0.9 + 1.4 * 0.5**i for i in range(13)),
    "end, as good": tuple(1.005 + 1.295 * 0.5**i for i in range(13)),
    "end, behind": tuple(1.1 + 1.2 * 0.5**i for i in range(13)),
    "cut behind the incumbent": (2.3, 2.29, 2.28, 2.27),
}


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_is_known_by_its_reason(rule) -> None:
    losses = CASES[rule]
    steps = tuple(10 * i for i in range(13))
    best = Run(4, 1e-2, Curve(steps, CASES["alone, flattened"]))
    verdict = classify(
        Curve(steps[: len(losses)], losses),
        1e-1,
        initial=2.3,
        incumbent=best if rule.startswith(("end", "cut")) else None,
        probe_steps=120,
    )
    assert verdict is not None
    assert compare.rule_of(verdict.reason) == rule


def test_rules_that_need_other_runs_are_the_only_ones_without_a_curve() -> None:
    assert set(compare.RULES) - set(CASES) == {"answered by others"}


def test_every_verdict_of_parallel_workers_is_known(table) -> None:
    found = compare.collect([table], [Setting(0.1, 1e-6, 1.0, workers=4)], 1)
    assert len(found) >= 4


def test_a_cut_without_any_progress_is_known_as_a_cut() -> None:
    reason = "no progress at step 20 (loss 8e+27, at first 2.3), unlike trial 4; rate above it"
    assert compare.rule_of(reason) == "cut behind the incumbent"


def test_calibrated_verdicts_have_no_calibration_error() -> None:
    calibrated = [make(0.8, right=i < 8) for i in range(10)] + [make(1.0, right=True)] * 5
    assert calibration_error(calibrated) == pytest.approx(0)
    boastful = [make(0.95, right=i < 5) for i in range(10)]
    assert calibration_error(boastful) == pytest.approx(0.45)
    assert calibration_error(calibrated + boastful) == pytest.approx(0.45 * 10 / 25)
    assert brier_score([make(0.9, right=True), make(0.9, right=False)]) == pytest.approx(0.41)


def test_bins_hold_every_verdict_once_in_ascending_order() -> None:
    bins = make_bins([make(c / 100, right=True) for c in range(51, 101)])
    assert sum(b.n for b in bins) == 50
    assert [b.confidence for b in bins] == sorted(b.confidence for b in bins)
    assert len(bins) == 10


def test_the_confusion_table_counts_verdicts_by_truth() -> None:
    rows = [make(0.9, right=True), make(0.9, right=False), make(0.9, right=False)]
    assert confusion(rows) == [[1, 0, 2], [0, 0, 0], [0, 0, 0]]


def test_the_study_prints_its_tables_and_draws_its_figure(table, tmp_path, capsys) -> None:
    path = tmp_path / "confidence.html"
    settings = ["--horizon", "0.1", "--seeds", "1", "--range", "1e-6", "1"]
    compare.main(
        ["--tables", str(table), "--held-out", str(table), *settings, "--figure", str(path)]
    )
    printed = capsys.readouterr().out
    assert "own sweeps: " in printed
    assert "held out: " in printed
    assert "| cut behind the incumbent |" in printed
    assert "calibration error" in printed
    assert path.stat().st_size > 0
