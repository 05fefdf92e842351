"""The figure of the bracket shows every trial, its bracket and the winner."""

from __future__ import annotations

import optuna
import pytest
from figure_data import data_of
from synthetic_trainer import HIGH, LOW

import optuna_bisect as ob
from optuna_bisect.figures.style import LOOKS
from optuna_bisect.figures.summary import summarize
from optuna_bisect.visualization import plot_bracket, plot_response


def test_the_data_has_every_trial_with_its_bracket_and_the_final_one(finished) -> None:
    info = summarize(finished)
    assert [row.number for row in info.rows] == [t.number for t in finished.trials]
    assert [row.rate for row in info.rows] == [t.params["lr"] for t in finished.trials]
    assert all(row.bracket is not None for row in info.rows)
    assert info.final == info.rows[-1]
    assert info.final.is_final
    assert info.winner == ob.find_winner(finished)
    assert info.param_name == "lr"


def test_bracket_marks_are_grouped_by_verdict_with_the_reason_in_the_hover_text(finished) -> None:
    traces = {t["name"]: t for t in data_of(plot_bracket(finished))["data"]}
    for row in summarize(finished).probes:
        trace = traces[LOOKS[row.outcome].label]
        i = trace["x"].index(row.number)
        assert trace["y"][i] == row.rate
        assert row.reason.split(":")[0][:30] in trace["hovertext"][i].replace("<br>", " ")
    assert traces["final trial"]["x"] == [finished.best_trial.number]
    assert traces["winner"]["x"] == [ob.find_winner(finished).number]


def test_bars_reach_from_the_low_to_the_high_end(finished) -> None:
    bars = next(t for t in plot_bracket(finished).data if t.name == "bracket before the trial")
    assert bars.base[0] == pytest.approx(LOW)
    assert bars.base[0] + bars.y[0] == pytest.approx(HIGH)


def test_the_axis_of_rates_is_logarithmic(finished) -> None:
    assert plot_bracket(finished).layout.yaxis.type == "log"


def test_a_linear_range_that_reaches_zero_has_a_linear_axis() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler("lr", seed=0))
    study.optimize(lambda t: abs(t.suggest_float("lr", -1.0, 1.0) - 0.3), n_trials=6)
    assert plot_bracket(study).layout.yaxis.type is None


def test_an_edge_is_a_line_with_its_rate_and_none_is_drawn_unasked(finished) -> None:
    assert not plot_bracket(finished).layout.shapes
    figure = plot_bracket(finished, edge=0.25)
    (line,) = figure.layout.shapes
    assert (line.y0, line.y1) == (0.25, 0.25)
    note = next(n for n in figure.layout.annotations if n.text == "2 / sharpness = 0.25")
    assert 10**note.y == pytest.approx(0.25), "annotations of log axes stand at logarithms"
    with pytest.raises(ValueError, match="edge must be a positive number but got -1"):
        plot_bracket(finished, edge=-1)


def test_of_several_configurations_only_the_best_ones_search_is_shown(several) -> None:
    figure = plot_bracket(several)
    number = summarize(several).leading.number
    drawn = {x for t in figure.data if t.type == "scatter" for x in t.x}
    own = {t.number for t in several.trials if t.user_attrs["bisect_search"] == number}
    assert drawn == own
    assert several.best_trial.number in own, "the final trial belongs to it"
    assert f"configuration {number}, the best of 3" in figure.layout.title.text
    assert "quality 1" in figure.layout.title.text


def test_another_search_can_be_asked_for_and_is_not_called_the_winner(several) -> None:
    other = next(c for c in summarize(several).configurations if c.result != "winner")
    figure = plot_bracket(several, search=other.number)
    assert {x for t in figure.data if t.type == "scatter" for x in t.x} == {
        row.number for row in other.rows
    }
    assert f"one of 3 ({other.result})" in figure.layout.title.text
    assert "winner" not in {t.name for t in figure.data}
    with pytest.raises(ValueError, match="search must be one of"):
        plot_bracket(several, search=999)


def test_the_response_has_each_probe_at_its_rate_and_names_both_rates(finished) -> None:
    figure = plot_response(finished, target_name="log loss")
    winner = ob.find_winner(finished)
    shown = {x: text for t in figure.data for x, text in zip(t.x, t.hovertext)}
    probes = [t for t in finished.trials if t.user_attrs["bisect_role"] == "probe"]
    assert {t.params["lr"] for t in probes} == shown.keys()
    assert all(t.user_attrs["bisect_verdict"] in shown[t.params["lr"]] for t in probes)
    rate = finished.best_trial.params["lr"]
    texts = [a.text.strip() for a in figure.layout.annotations]
    told = f"full run {rate:.3g} (x {rate / winner.lr:.2g})"
    assert texts == [f"winner {winner.lr:.3g}", told]
    assert figure.layout.yaxis.title.text.startswith("log loss")
    bands = [s for s in figure.layout.shapes if s.type == "rect"]
    assert [(b.x0, b.x1) for b in bands] == [(winner.bracket.low, winner.bracket.high)]


def test_a_diverged_probe_stands_no_higher_than_where_runs_begin(finished) -> None:
    ends = [y for t in plot_response(finished).data for y in t.y]
    firsts = [t.intermediate_values[0] for t in finished.trials if t.intermediate_values]
    assert max(ends) <= max(firsts)
    assert plot_response(optuna.create_study()).layout.annotations[0].text.startswith("no probe")
