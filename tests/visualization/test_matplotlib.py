"""Matplotlib's twins show what plotly's figures show.

Checks ``visualization.matplotlib``, ``visualization._axes``, ``visualization._traces`` and
``visualization._notes`` together: what was drawn is all that counts.
"""

from __future__ import annotations

import math
import sys

import optuna
import pytest
from figure_data import OPTIMUM_EDGE, add_trial, data_of, search, search_several
from synthetic_trainer import HIGH, LOW, Trainer

import optuna_bisect as ob
import optuna_bisect.visualization as plotly_figures
from optuna_bisect.figures import style

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import same_color, to_rgb  # noqa: E402

from optuna_bisect.visualization import matplotlib as figures  # noqa: E402

NAMES = ["plot_bracket", "plot_curves"]


@pytest.fixture(scope="module")
def finished() -> optuna.Study:
    return search(Trainer(edge=OPTIMUM_EDGE))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(axes) -> dict[str, list[tuple[float, float]]]:
    """Return the points of everything in the legend."""
    lines = [line for panel in axes.figure.axes for line in panel.lines]
    return {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in lines}


def legend_of(axes) -> list[str]:
    (legend,) = axes.figure.legends
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("name", NAMES)
def test_marks_stand_where_those_of_plotly_stand_and_the_legend_names_each_once(
    finished, name
) -> None:
    axes = getattr(figures, name)(finished)
    axes.figure.canvas.draw()
    theirs = data_of(getattr(plotly_figures, name)(finished))
    named = [t for t in theirs["data"] if t.get("showlegend", True)]
    assert sorted(legend_of(axes)) == sorted(t["name"] for t in named)
    ours = drawn(axes)
    for trace in (t for t in named if t["type"] == "scatter"):
        assert ours[trace["name"]] == list(zip(trace["x"], trace["y"], strict=True))
    shown = [p.get_xlabel() for p in axes.figure.axes]
    assert shown == [v["title"]["text"] for k, v in theirs["layout"].items() if "xaxis" in k]
    scales = [v.get("type") for k, v in theirs["layout"].items() if "yaxis" in k]
    assert scales == ["log"] * len(shown)
    assert [panel.get_yscale() for panel in axes.figure.axes] == scales


def test_bars_reach_from_the_low_to_the_high_end_of_each_bracket(finished) -> None:
    axes = figures.plot_bracket(finished)
    bars = sorted(axes.patches, key=lambda bar: bar.get_x())
    assert len(bars) == len(finished.trials)
    for bar, trial in zip(bars, finished.trials, strict=True):
        low, high = (trial.user_attrs[f"bisect_{end}"] for end in ("low", "high"))
        assert bar.get_x() + bar.get_width() / 2 == pytest.approx(trial.number)
        assert bar.get_y() == pytest.approx(low)
        assert bar.get_y() + bar.get_height() == pytest.approx(high)
    assert axes.get_ylim()[0] <= LOW < HIGH <= axes.get_ylim()[1]


def test_curves_have_the_color_and_dash_of_their_verdict(finished) -> None:
    axes = figures.plot_curves(finished)
    curves = [
        line for panel in axes.figure.axes for line in panel.lines if line.get_ls() != "None"
    ]
    assert len(curves) == len(finished.trials)
    looks = {(to_rgb(line.get_color()), line.get_ls()) for line in curves}
    told = {
        to_rgb(style.LOOKS[name].color): ls
        for name, ls in [
            ("overshoot", "--"),
            ("balanced", "-"),
            ("undershoot", ":"),
            ("final", "-"),
        ]
    }
    assert looks == set(told.items())


def test_a_long_final_trial_has_axes_of_its_own(finished) -> None:
    axes = figures.plot_curves(finished, target_name="log loss")
    probes, final = axes.figure.axes
    assert axes is probes
    assert probes.get_ylabel() == "log loss"
    assert [text.get_text() for text in probes.texts][-1] == "probes"
    assert [text.get_text() for text in final.texts] == [
        str(finished.best_trial.number),
        "final trial",
    ]


def test_an_edge_is_a_line_with_its_rate(finished) -> None:
    axes = figures.plot_bracket(finished, edge=0.25)
    (text,) = axes.texts
    assert text.get_text() == "2 / sharpness = 0.25"
    assert text.get_position()[1] == pytest.approx(0.25)
    assert any(list(line.get_ydata()) == [0.25, 0.25] for line in axes.lines)
    with pytest.raises(ValueError, match="edge must be a positive number but got -1"):
        figures.plot_bracket(finished, edge=-1)


def test_of_several_configurations_one_is_shown_with_its_trials_side_by_side() -> None:
    study = search_several()
    axes = figures.plot_bracket(study)
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    best = study.best_trial.user_attrs["bisect_search"]
    own = [t.number for t in study.trials if t.user_attrs["bisect_search"] == best]
    assert labels == [str(number) for number in own]
    assert "closed\nconfiguration 1, the best of 3: quality 1" in axes.figure.get_suptitle()
    with pytest.raises(ValueError, match="search must be one of"):
        figures.plot_curves(study, search=999)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_study_says_so(name) -> None:
    axes = getattr(figures, name)(optuna.create_study())
    assert axes.texts[0].get_text().startswith("no trial")
    assert not axes.figure.legends


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reports", [[math.nan], [math.inf, math.nan], [0.0, 0.0], [2.0, 1e300]])
def test_hopeless_reports_and_running_trials_are_drawn(name, reports) -> None:
    study = optuna.create_study()
    add_trial(study, 1e-3, reports, verdict="overshoot")
    add_trial(study, 1e-2, [2.0, math.nan, 1.0], state=optuna.trial.TrialState.FAIL)
    trial = study.ask()
    trial.suggest_float("lr", LOW, HIGH, log=True)
    trial.report(1.0, 0)
    axes = getattr(figures, name)(study)
    axes.figure.canvas.draw()
    assert style.LOOKS["other"].label in legend_of(axes)


def test_a_linear_range_that_reaches_zero_has_a_linear_axis() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler("lr", seed=0))
    study.optimize(lambda t: abs(t.suggest_float("lr", -1.0, 1.0) - 0.3), n_trials=2)
    assert figures.plot_bracket(study).get_yscale() == "linear"


def test_a_style_of_the_user_rules(finished) -> None:
    with plt.style.context("dark_background"):
        axes = figures.plot_curves(finished)
        assert same_color(axes.figure.get_facecolor(), "black")
        assert same_color(axes.xaxis.label.get_color(), "white")


@pytest.mark.parametrize("name", NAMES)
def test_without_matplotlib_the_error_names_the_extra(monkeypatch, name) -> None:
    for module in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install 'optuna_bisect\[matplotlib\]'"):
        getattr(figures, name)(optuna.create_study())


def test_importing_the_twins_loads_neither_matplotlib_nor_plotly() -> None:
    from worker_process import finish, start_python

    code = (
        "import optuna_bisect.visualization.matplotlib, sys;"
        "print([m for m in ('plotly', 'matplotlib') if m in sys.modules])"
    )
    assert finish(start_python(["-c", code])) == "[]\n"
