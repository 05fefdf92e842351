"""The figure of Phase 2: its data, and that every kind of study can be drawn."""

from __future__ import annotations

import optuna
import pytest

from optuna_bisect import Fit
from optuna_bisect.figures.adjustment import draw_adjustment, get_adjustment_info
from optuna_bisect.visualization import plot_adjustment

MOVES = [[40, 0.3, "leg"], [60, 0.1, "settled"], [200, 0.05, "overshoot"], [400, 0.0, "finished"]]


def make_study(adjustment=None, reports=True, **attrs):
    study = optuna.create_study()
    user = {
        "bisect_number": 0,
        "bisect_role": "final",
        "bisect_low": 0.01,
        "bisect_high": 1.0,
        "bisect_start_lr": 0.1,
        "bisect_adjustment": adjustment,
    } | attrs
    study.add_trial(
        optuna.trial.create_trial(
            value=0.5,
            params={"lr": 0.1},
            distributions={"lr": optuna.distributions.FloatDistribution(1e-3, 1.0, log=True)},
            user_attrs=user,
            intermediate_values={10 * i: 2.0 - 0.01 * i for i in range(40)} if reports else {},
        )
    )
    return study


def test_the_line_joins_the_start_the_regular_points_and_the_moves():
    study = make_study({"path": [[20, 0.1], [300, 0.05]], "moves": MOVES})
    info = get_adjustment_info(study)
    assert info.number == 0
    assert info.path[0] == (0, 0.1)
    assert [step for step, _ in info.path] == [0, 20, 40, 60, 200, 300, 400]
    assert info.moves[-1] == (400, 0.0, "finished")
    assert (info.bracket.low, info.bracket.high) == (0.01, 1.0)
    assert len(info.curve) == 40


def test_the_drawing_has_one_trace_for_each_kind_of_move_and_no_zero_on_the_log_axis():
    figure = plot_adjustment(make_study({"path": [], "moves": MOVES}))
    names = [trace.name for trace in figure.data]
    assert names[0] == "rate"
    assert len(names) == 1 + len(MOVES) + 1
    assert all(y > 0 for trace in figure.data[:-1] for y in trace.y)


@pytest.mark.parametrize(
    "study",
    [optuna.create_study(), make_study(), make_study({"path": [], "moves": []}, bisect_number=7)],
    ids=["empty", "no moves", "a clone of another trial"],
)
def test_a_study_without_moves_says_so(study):
    info = get_adjustment_info(study)
    assert info.number is None
    figure = draw_adjustment(info)
    assert "yet" in figure.layout.annotations[0].text


def test_without_reports_or_bracket_there_is_only_the_rate():
    adjustment = {"path": [[20, 0.1]], "moves": MOVES}
    study = make_study(adjustment, reports=False, bisect_low=None)
    figure = plot_adjustment(study)
    assert all(trace.name != "reported" for trace in figure.data)
    assert not figure.layout.shapes


def test_the_limits_are_in_the_legend_and_a_wide_loss_is_on_a_log_axis():
    """A loss that falls to a thousandth is a flat line on a linear axis."""
    study = make_study({"path": [], "moves": MOVES})
    figure = plot_adjustment(study)
    assert [shape.name for shape in figure.layout.shapes if shape.showlegend] == ["limits"]
    annealed = get_adjustment_info(study)._replace(anneal=200)
    (band,) = draw_adjustment(annealed).layout.shapes
    assert (band.x1, band.name) == (200, "limits before the anneal")
    info = get_adjustment_info(study)
    for curve, kind in (((0, 2.0), (1, 1e-3)), "log"), (((0, 2.0), (1, 1.0)), None):
        assert draw_adjustment(info._replace(curve=curve)).layout.yaxis2.type == kind
    crossing = info._replace(curve=((0, 2.0), (1, -1e-3)))
    assert draw_adjustment(crossing).layout.yaxis2.type is None


def test_the_line_begins_at_the_rate_that_ran_not_at_one_of_the_plan():
    study = make_study({"path": [[20, 0.1]], "moves": MOVES}, bisect_start_lr=0.7)
    assert get_adjustment_info(study).path[0] == (0, 0.1)


def test_the_validation_loss_is_drawn_with_its_lowest_point():
    info = get_adjustment_info(make_study({"path": [[20, 0.1]], "moves": MOVES}))
    fit = Fit("over-fitting", "it rose", 40, 0.5)
    info = info._replace(validation=((20, 1.0), (40, 0.5), (60, 2.0)), fit=fit)
    figure = draw_adjustment(info)
    drawn = {trace.name: trace for trace in figure.data}
    assert tuple(drawn["validation loss"].y) == (1.0, 0.5, 2.0)
    assert tuple(drawn["best step for validation"].x) == (40,)
    assert "over-fitting" in figure.layout.title.text


def test_the_loss_is_named_as_the_user_names_it():
    study = make_study({"path": [[20, 0.1]], "moves": MOVES})
    assert (
        plot_adjustment(study, target_name="perplexity").layout.yaxis2.title.text == "perplexity"
    )
    assert plot_adjustment(study).layout.yaxis2.title.text == "loss"
