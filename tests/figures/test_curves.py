"""The figure of the curves shows every report that is worth showing, whatever was reported."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import optuna
import pytest
from figure_data import add_trial, data_of

from optuna_bisect.figures.curves import get_curves_info
from optuna_bisect.figures.summary import summarize
from optuna_bisect.visualization import plot_curves


def test_curves_info_keeps_every_report_of_healthy_trials(finished) -> None:
    info = get_curves_info(finished)
    shown = {line.row.number: line for line in info.probes.lines}
    for trial in finished.trials:
        if trial.user_attrs.get("bisect_verdict") in ("balanced", "undershoot"):
            losses = [trial.intermediate_values[s] for s in shown[trial.number].steps]
            assert list(shown[trial.number].losses) == losses
            assert len(losses) == len(trial.intermediate_values)
    assert [line.row.number for line in info.final.lines] == [finished.best_trial.number]


def test_every_curve_is_drawn_and_each_verdict_once_in_the_legend(finished) -> None:
    traces = plot_curves(finished).data
    lines = [t for t in traces if t.mode == "lines"]
    legend = [t.name for t in traces if t.showlegend is not False]
    assert len(lines) == len(finished.trials)
    assert len(legend) == len(set(legend))
    assert {t.name for t in lines} == set(legend)


def test_the_axis_of_losses_is_logarithmic(finished) -> None:
    assert plot_curves(finished).layout.yaxis.type == "log"


def test_hover_on_a_curve_tells_rate_verdict_and_reason(finished) -> None:
    """One text for a whole curve: plotly fills ``%{hovertext}`` from a list only."""
    traces = [t for t in data_of(plot_curves(finished))["data"] if t["mode"] == "lines"]
    shown = {trace["hovertemplate"].split(":")[0]: trace["hovertemplate"] for trace in traces}
    rows = [row for row in summarize(finished).rows if row.steps]
    assert len(shown) == len(rows) == len(traces)
    for row in rows:
        text = shown[f"<b>{'Final trial' if row.is_final else 'Probe'} {row.number}"]
        assert row.outcome in text
        assert f"rate {row.rate:.4g}" in text
        assert row.reason in text.replace("<br>", " ")
        assert re.findall(r"%{(\w+)", text) == ["x", "y"]


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, 1e17, 1e300])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_diverged_curve_ends_in_a_cross_and_leaves_the_scale_to_the_others(
    direction, bad
) -> None:
    study = optuna.create_study(direction=direction)
    sign = 1 if direction == "minimize" else -1
    add_trial(study, 1e-3, [sign * x for x in (2.0, 1.0, 0.5)], verdict="balanced")
    diverged = -abs(bad) if sign < 0 else abs(bad)
    add_trial(study, 1e-1, [sign * 2.0, sign * 1.9, diverged], verdict="overshoot")
    panel = get_curves_info(study).probes
    assert panel.lines[1].steps == (0, 1)
    assert panel.lines[1].cut_step == 2
    span = [10**x for x in panel.limits] if panel.is_log else panel.limits
    assert all(-5 < x < 5 for x in span)
    cross = data_of(plot_curves(study))["data"][-1]
    assert cross["name"] == "diverged, off the scale"
    assert cross["x"] == [3]
    assert cross["hovertext"][0].endswith(f"then {diverged:.4g}")


def test_a_spike_that_recovers_does_not_end_the_curve() -> None:
    study = optuna.create_study()
    add_trial(study, 1e-3, [2.0, 50.0, math.inf, 1.0, 0.8], verdict="balanced")
    line = get_curves_info(study).probes.lines[0]
    assert line.cut_step is None
    assert line.losses == (2.0, 50.0, None, 1.0, 0.8)
    data_of(plot_curves(study))


def test_accuracies_are_drawn_on_a_linear_axis() -> None:
    study = optuna.create_study(direction="maximize")
    add_trial(study, 1e-3, [0.1, 0.5, 0.9], verdict="balanced")
    figure = plot_curves(study)
    assert figure.layout.yaxis.type is None
    low, high = figure.layout.yaxis.range
    assert low < 0.1
    assert high > 0.9


def test_labels_of_curves_that_end_together_are_put_together() -> None:
    study = optuna.create_study()
    for i in range(4):
        add_trial(study, 1e-3 * (i + 1), [2.0, 1.0 + 1e-4 * i], verdict="balanced")
    (marks,) = (t for t in data_of(plot_curves(study))["data"] if t["mode"] == "markers+text")
    assert marks["text"] == ["0, 1, 2, 3", "", "", ""]


def test_labels_at_one_height_are_put_together_where_the_next_would_cover_them() -> None:
    study = optuna.create_study()
    for n in (10, 11, 20):
        add_trial(study, 1e-5, [2.0] * n, verdict="undershoot")
    add_trial(study, 1e-3, [2.0 - 0.015 * i for i in range(100)], verdict="balanced")
    told = [t["text"] for t in data_of(plot_curves(study))["data"] if t["mode"] == "markers+text"]
    assert sorted(told) == [["0, 1, 2", "", ""], ["3"]]


def test_curves_of_different_configurations_are_not_mixed(several) -> None:
    best = summarize(several).leading
    info = get_curves_info(several)
    shown = {line.row.number for panel in (info.probes, info.final) for line in panel.lines}
    assert shown == {row.number for row in best.rows} | {several.best_trial.number}
    assert f"configuration {best.number}, the best of 3" in plot_curves(several).layout.title.text
    other = next(c for c in summarize(several).configurations if c is not best)
    shown = {line.row.number for line in get_curves_info(several, other.number).probes.lines}
    assert shown == {row.number for row in other.rows}


def test_of_very_many_trials_some_are_drawn_with_the_winner_and_the_title_says_so() -> None:
    """Thousands of curves take a browser minutes, and show nothing."""
    study = optuna.create_study()
    for i in range(120):
        add_trial(study, 1e-5, [2.0, 1.9, 1.8, 1.7], verdict="undershoot", reason=f"{i}")
    add_trial(study, 1e-3, [2.0, 0.5, 0.2, 0.1], verdict="balanced")
    for i in range(40):
        add_trial(study, 1e-5, [2.0, 1.9, 1.8, 1.7], verdict="undershoot", reason=f"{i}")
    winner = summarize(study).winner.number
    assert winner == 120
    shown = [line.row.number for line in get_curves_info(study).probes.lines]
    assert len(shown) == 100
    assert winner in shown
    assert max(b - a for a, b in pairwise(shown)) <= 3, "from all of the study"
    figure = plot_curves(study)
    assert "(100 of 161 trials)" in figure.layout.title.text
    assert not any(label for t in figure.data if t.mode == "markers+text" for label in t.text)
