"""Every kind of study can be plotted."""

from __future__ import annotations

import math
import sys

import numpy as np
import optuna
import pytest
from figure_data import add_trial, data_of
from synthetic_trainer import HIGH, LOW, Trainer, make_objective

import optuna_bisect as ob
from optuna_bisect.figures.style import LOOKS
from optuna_bisect.figures.summary import summarize
from optuna_bisect.visualization import (
    plot_bracket,
    plot_configurations,
    plot_curves,
    plot_parallel_coordinate,
)

PLOTS = [plot_bracket, plot_curves]
OF_CONFIGURATIONS = [plot_configurations, plot_parallel_coordinate]


@pytest.mark.parametrize("plot", PLOTS)
def test_an_empty_study_says_so(plot) -> None:
    figure = plot(optuna.create_study())
    assert figure.layout.annotations[0].text.startswith("no trial")


def test_a_study_without_reports_says_so_and_still_shows_its_bracket() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(seed=0))
    study.optimize(lambda t: abs(math.log(t.suggest_float("lr", LOW, HIGH, log=True))), n_trials=5)
    assert len(plot_curves(study).layout.annotations) == 1
    assert len(summarize(study).rows) == 5


@pytest.mark.parametrize("plot", [*PLOTS, *OF_CONFIGURATIONS])
@pytest.mark.parametrize("reports", [[math.nan], [math.inf, math.nan], [0.0, 0.0], [-3.0, -4.0]])
def test_hopeless_constant_and_negative_reports_are_drawn(plot, reports) -> None:
    study = optuna.create_study()
    add_trial(study, 1e-3, reports, verdict="overshoot")
    add_trial(study, 1e-2, reports, state=optuna.trial.TrialState.FAIL)
    data_of(plot(study))


@pytest.mark.parametrize("plot", PLOTS)
def test_a_running_trial_and_one_of_another_sampler_are_drawn(plot) -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(make_objective(Trainer()), n_trials=3)
    trial = study.ask()
    trial.suggest_float("lr", LOW, HIGH, log=True)
    trial.report(1.0, 0)
    names = [trace["name"] for trace in data_of(plot(study))["data"]]
    assert LOOKS["other"].label in names


def test_many_trials_are_drawn_quickly() -> None:
    study = optuna.create_study()
    rng = np.random.default_rng(0)
    for _ in range(60):
        add_trial(study, float(rng.uniform(1e-5, 1e-1)), list(rng.random(5)), verdict="balanced")
    assert plot_bracket(study).layout.xaxis.dtick is None
    data_of(plot_curves(study))


@pytest.mark.parametrize("plot", [plot_bracket, *OF_CONFIGURATIONS])
def test_without_plotly_the_error_names_the_extra(monkeypatch, plot) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"pip install 'optuna_bisect\[plot\]'"):
        plot(optuna.create_study())


@pytest.mark.parametrize("plot", OF_CONFIGURATIONS)
def test_a_study_of_another_sampler_has_no_configurations_to_show(plot) -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(make_objective(Trainer()), n_trials=3)
    (note,) = plot(study).layout.annotations
    assert note.text == "no configuration has been searched yet"
