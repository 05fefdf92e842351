"""The figures say what the study says, whatever was reported."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import optuna
import pytest
from synthetic_trainer import BEST, HIGH, LOW, STEPS, Trainer, make_objective, with_role

import optuna_bisect as ob
from optuna_bisect.figures.bracket import get_bracket_info
from optuna_bisect.figures.curves import get_curves_info
from optuna_bisect.figures.style import LOOKS
from optuna_bisect.figures.summary import summarize
from optuna_bisect.visualization import plot_bracket, plot_curves

PLOTS = [plot_bracket, plot_curves]
OPTIMUM_EDGE = 100 * BEST


def search(trainer: Trainer | None = None, n_trials: int = 30) -> optuna.Study:
    """Run a whole search with a synthetic trainer."""
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, seed=0), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(trainer or Trainer(edge=OPTIMUM_EDGE)), n_trials=n_trials)
    return study


@pytest.fixture(scope="module")
def finished() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return search()


def add_trial(study, rate, reports, state=optuna.trial.TrialState.PRUNED, **attrs):
    """Add a trial with these reports, as if it had run."""
    study.add_trial(
        optuna.trial.create_trial(
            state=state,
            value=1.0 if state == optuna.trial.TrialState.COMPLETE else None,
            params={"lr": rate},
            distributions={"lr": optuna.distributions.FloatDistribution(LOW, HIGH, log=True)},
            intermediate_values=dict(enumerate(reports)),
            user_attrs={
                "bisect_number": len(study.trials),
                "bisect_role": "probe",
                **{f"bisect_{key}": value for key, value in attrs.items()},
            },
        )
    )


def data_of(figure) -> dict:
    """Return a figure as the browser gets it; NaN and inf would be no JSON."""
    return json.loads(figure.to_json(), parse_constant=pytest.fail)


def test_bracket_info_has_every_trial_with_its_bracket_and_the_final_one(finished) -> None:
    info = get_bracket_info(finished)
    assert [row.number for row in info.rows] == [t.number for t in finished.trials]
    assert [row.rate for row in info.rows] == [t.params["lr"] for t in finished.trials]
    assert all(row.bracket is not None for row in info.rows)
    assert info.final == info.rows[-1]
    assert info.final.is_final
    assert info.winner == ob.find_winner(finished)
    assert info.is_log
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


def test_axes_are_logarithmic(finished) -> None:
    assert plot_bracket(finished).layout.yaxis.type == "log"
    assert plot_curves(finished).layout.yaxis.type == "log"


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
    lines = [t for t in plot_curves(finished).data if "lines" in t.mode or t.line.width]
    legend = [t.name for t in plot_curves(finished).data if t.showlegend is not False]
    assert len(lines) >= len(finished.trials) - 1
    assert len(legend) == len(set(legend))


@pytest.mark.parametrize("plot", PLOTS)
def test_a_figure_carries_no_template(finished, plot) -> None:
    assert not data_of(plot(finished))["layout"].get("template")


@pytest.mark.parametrize("plot", PLOTS)
def test_an_empty_study_says_so(plot) -> None:
    figure = plot(optuna.create_study())
    assert figure.layout.annotations[0].text.startswith("no trial")


def test_a_study_without_reports_says_so_and_still_shows_its_bracket() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(seed=0))
    study.optimize(lambda t: abs(math.log(t.suggest_float("lr", LOW, HIGH, log=True))), n_trials=5)
    assert len(plot_curves(study).layout.annotations) == 1
    assert len(get_bracket_info(study).rows) == 5


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
    assert cross["name"] == "off the scale"
    assert cross["x"] == [3]
    assert cross["hovertext"][0].endswith(f"then {diverged:.4g}")


def test_a_spike_that_recovers_does_not_end_the_curve() -> None:
    study = optuna.create_study()
    add_trial(study, 1e-3, [2.0, 50.0, math.inf, 1.0, 0.8], verdict="balanced")
    line = get_curves_info(study).probes.lines[0]
    assert line.cut_step is None
    assert line.losses == (2.0, 50.0, None, 1.0, 0.8)
    data_of(plot_curves(study))


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("reports", [[math.nan], [math.inf, math.nan], [0.0, 0.0], [-3.0, -4.0]])
def test_hopeless_constant_and_negative_reports_are_drawn(plot, reports) -> None:
    study = optuna.create_study()
    add_trial(study, 1e-3, reports, verdict="overshoot")
    add_trial(study, 1e-2, reports, state=optuna.trial.TrialState.FAIL)
    data_of(plot(study))


def test_accuracies_are_drawn_on_a_linear_axis() -> None:
    study = optuna.create_study(direction="maximize")
    add_trial(study, 1e-3, [0.1, 0.5, 0.9], verdict="balanced")
    figure = plot_curves(study)
    assert figure.layout.yaxis.type is None
    low, high = figure.layout.yaxis.range
    assert low < 0.1
    assert high > 0.9


@pytest.mark.parametrize("plot", PLOTS)
def test_a_running_trial_and_one_of_another_sampler_are_drawn(plot) -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(make_objective(Trainer()), n_trials=3)
    trial = study.ask()
    trial.suggest_float("lr", LOW, HIGH, log=True)
    trial.report(1.0, 0)
    names = [trace["name"] for trace in data_of(plot(study))["data"]]
    assert LOOKS["other"].label in names


def test_a_linear_range_that_reaches_zero_has_a_linear_axis() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler("lr", seed=0))
    study.optimize(lambda t: abs(t.suggest_float("lr", -1.0, 1.0) - 0.3), n_trials=6)
    assert plot_bracket(study).layout.yaxis.type is None


def test_labels_of_curves_that_end_together_are_put_together() -> None:
    study = optuna.create_study()
    for i in range(4):
        add_trial(study, 1e-3 * (i + 1), [2.0, 1.0 + 1e-4 * i], verdict="balanced")
    labels = [t["text"][-1] for t in data_of(plot_curves(study))["data"]]
    assert [label for label in labels if label] == [" 0, 1, 2, 3"]


def test_summary_tells_cost_and_correction(finished) -> None:
    summary = summarize(finished)
    paid = sum(
        t.last_step + 1
        for t in finished.trials
        if t.values is None or t.number < summary.final.number
    )
    assert summary.cost == pytest.approx(paid / STEPS["final_steps"])
    assert f"{summary.final.rate / summary.winner.lr:.3g}" in summary.conclusion
    assert (
        f"{len(search(n_trials=2).trials)} probes so far"
        in summarize(search(n_trials=2)).conclusion
    )


def test_a_conclusion_tells_what_became_of_the_search() -> None:
    """A correction is not the reason for the rate of a final trial that others diverged before."""

    def ending(value: float, **settings) -> str:
        def objective(trial: optuna.Trial) -> float:
            loss = make_objective()(trial)
            is_first = len(with_role(study, "final")) == 1
            return value if ob.trial_plan(trial).is_final and is_first else loss

        sampler = ob.BisectionSampler(**STEPS, seed=0)
        study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner(), **settings)
        study.optimize(objective, n_trials=40)
        return summarize(study).conclusion

    assert "That diverged; final trial" in ending(math.inf)
    assert "diverged" not in ending(1.0)
    assert "The study stopped" not in ending(math.inf)


def test_a_conclusion_tells_why_there_is_no_winner() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    assert "No learning rate yet" in summarize(study).conclusion
    objective = make_objective(Trainer(edge=LOW / 10))
    study.optimize(objective, n_trials=1)
    assert "No winner yet: 1 probe so far." in summarize(study).conclusion
    study.optimize(objective)
    told = summarize(study).conclusion
    assert f"No winner after {len(with_role(study, 'probe'))} probes: " in told
    assert "lower the range" in told


def test_a_conclusion_tells_that_failed_final_trials_stopped_the_study() -> None:
    def objective(trial: optuna.Trial) -> float:
        if ob.trial_plan(trial).is_final:
            trial.suggest_float("lr", LOW, HIGH, log=True)
            raise RuntimeError
        return make_objective()(trial)

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(objective, catch=RuntimeError)
    told = summarize(study).conclusion
    assert "The study stopped: final trials" in told
    assert f"for final trial {with_role(study, 'final')[-1].number}." in told


def test_without_plotly_the_error_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"pip install 'optuna_bisect\[plot\]'"):
        plot_bracket(optuna.create_study())


def test_many_trials_are_drawn_quickly() -> None:
    study = optuna.create_study()
    rng = np.random.default_rng(0)
    for _ in range(60):
        add_trial(study, float(rng.uniform(1e-5, 1e-1)), list(rng.random(5)), verdict="balanced")
    assert plot_bracket(study).layout.xaxis.dtick is None
    data_of(plot_curves(study))
