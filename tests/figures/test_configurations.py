"""The figures of configurations show what each one cost and found, and why the others lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import optuna
import pytest
from figure_data import data_of, search, search_several

import optuna_bisect as ob
from optuna_bisect.figures.configurations import get_configurations_info
from optuna_bisect.figures.style import WINNER_COLOR
from optuna_bisect.figures.summary import summarize
from optuna_bisect.visualization import plot_configurations, plot_parallel_coordinate


def marks_of(figure, label: str) -> dict:
    """Return the upper marks of configurations that ended alike."""
    traces = (t for t in data_of(figure)["data"] if t["name"] == label)
    return next(t for t in traces if t.get("yaxis") == "y2" and t["mode"] == "markers+text")


def test_columns_stand_side_by_side_as_wide_as_their_cost(several) -> None:
    summary = summarize(several)
    columns, unit = get_configurations_info(summary)
    assert unit == "full runs"
    assert [c.configuration for c in columns] == list(summary.configurations)
    assert columns[0].left == 0
    assert columns[-1].right == pytest.approx(summary.cost)
    assert all(a.right == b.left for a, b in pairwise(columns))
    for column in columns:
        steps = column.configuration.n_steps
        assert column.right - column.left == pytest.approx(steps / summary.final_steps)


def test_without_reports_the_cost_is_counted_in_probes() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(seed=0))
    study.optimize(lambda t: abs(t.suggest_float("lr", 1e-6, 1, log=True) - 0.01), n_trials=4)
    (column,), unit = get_configurations_info(summarize(study))
    assert (unit, column.right) == ("probes", 4)
    assert "in probes" in plot_configurations(study).layout.xaxis.title.text


def test_the_winner_stands_out_and_is_named_in_the_title(several) -> None:
    figure, winner = plot_configurations(several), ob.find_winner(several)
    marks = marks_of(figure, "winner")
    assert marks["text"] == [str(several.trials[winner.number].user_attrs["bisect_search"])]
    assert marks["marker"]["color"] == WINNER_COLOR
    title = figure.layout.title.text
    assert f"number {marks['text'][0]} is the best" in title
    assert f"lr {winner.lr:.3g}, quality 1" in title


def test_a_dropped_configuration_is_grey_and_says_why(several) -> None:
    dropped = [c for c in summarize(several).configurations if c.result == "dropped"]
    marks = marks_of(plot_configurations(several), "dropped early: behind at equal steps")
    assert marks["y"] == [c.value for c in dropped]
    red, green, blue = (int(marks["marker"]["color"][i : i + 2], 16) for i in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) < 16
    for c, text in zip(dropped, marks["hovertext"]):
        assert c.reason in text.replace("<br>", " ")
        assert f"{len(c.rows)} probe" in text


def test_bars_reach_from_the_low_to_the_high_end_of_each_bracket(several) -> None:
    bars = [t for t in plot_configurations(several).data if t.type == "bar"]
    drawn = sorted((low, low + span) for t in bars for low, span in zip(t.base, t.y))
    brackets = sorted((c.bracket.low, c.bracket.high) for c in summarize(several).configurations)
    assert np.ravel(drawn) == pytest.approx(np.ravel(brackets))


def test_while_the_search_goes_on_the_title_says_so() -> None:
    title = plot_configurations(search_several(n_trials=1)).layout.title.text
    assert title.startswith("1 of 3 configurations")
    assert "is the best so far" in title or "best" not in title


def test_a_single_configuration_is_no_winner_among_many(finished) -> None:
    assert plot_configurations(finished).layout.title.text.startswith("One configuration")


def test_what_is_better_is_said_for_accuracies_too(several) -> None:
    def told(study) -> str:
        return plot_configurations(study).layout.annotations[0].text

    assert told(several).endswith("less is better")
    assert told(search_several(sign=-1)).endswith("more is better")


@pytest.mark.parametrize("sign", [1, -1])
def test_optuna_is_given_a_trial_for_each_configuration_at_its_best_rate(
    monkeypatch, sign
) -> None:
    given = []
    draw = optuna.visualization.plot_parallel_coordinate

    def keep(study, **options):
        given.append(study)
        return draw(study, **options)

    monkeypatch.setattr(optuna.visualization, "plot_parallel_coordinate", keep)
    study = search_several(sign=sign)
    figure = plot_parallel_coordinate(study)
    configurations = summarize(study).configurations
    assert [t.params for t in given[0].trials] == [
        {**c.params, "lr": c.rate} for c in configurations
    ]
    assert [t.value for t in given[0].trials] == [c.value for c in configurations]
    assert given[0].best_trial.params["lr"] == ob.find_winner(study).lr
    assert "3 configurations, each at its best rate" in figure.layout.title.text
    # The worst line is nearly white.
    assert figure.layout.plot_bgcolor not in (None, "white")
    data_of(figure)
    assert "perplexity" in plot_parallel_coordinate(study, target_name="perplexity").to_json()


def test_conditional_parameters_are_drawn() -> None:
    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            trial.suggest_float("momentum", 0.0, 0.9)
        return abs(trial.suggest_float("lr", 1e-6, 1, log=True) - 0.01)

    sampler = ob.BisectionSampler(probe_steps=1, final_steps=2, n_configurations=4, seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=30)
    assert len(summarize(study).configurations) == 4
    data_of(plot_parallel_coordinate(study))
    data_of(plot_configurations(study))


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_choices_that_are_lists_are_drawn_as_words() -> None:
    def objective(trial: optuna.Trial) -> float:
        low, _ = trial.suggest_categorical("betas", [[0.8, 0.9], [0.9, 0.999], None]) or (1, 1)
        return low * abs(trial.suggest_float("lr", 1e-6, 1, log=True) - 0.01)

    sampler = ob.BisectionSampler(probe_steps=1, final_steps=2, n_configurations=2, seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=30)
    drawn = plot_parallel_coordinate(study).to_json()
    for configuration in summarize(study).configurations:
        assert f'["betas","{configuration.params["betas"]}"]' in drawn


def test_nothing_to_draw_is_said() -> None:
    for plot in (plot_configurations, plot_parallel_coordinate):
        (note,) = plot(search(n_trials=0)).layout.annotations
        assert note.text == "no configuration has been searched yet"
