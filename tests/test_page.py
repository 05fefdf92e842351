"""The page of a study shows everything and needs no network."""

from __future__ import annotations

import html
import re

import optuna
from figure_data import add_trial, search, search_several

from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import describe_configurations
from optuna_bisect.page import render_page


def test_the_page_holds_figures_conclusion_and_table() -> None:
    finished = search()
    page = render_page(finished)
    assert html.escape(summarize(finished).conclusion) in page
    assert "How the bracket closed" in page
    assert "Loss curves by verdict" in page
    assert "How the rate moved" not in page, "no BisectionLR, no Phase 2"
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page), "it must need no network"


def test_moves_of_the_final_trial_are_drawn_and_text_is_escaped() -> None:
    study = optuna.create_study(study_name="a<b>")
    moves = {"path": [[0, 0.1]], "moves": [[3, 0.05, "overshoot"]]}
    add_trial(study, 0.1, [2.0, 1.0], role="final", adjustment=moves, reason="1 < 2")
    page = render_page(study)
    assert "How the rate moved" in page
    assert "1 &lt; 2" in page
    assert "<h1>a&lt;b&gt;</h1>" in page


def test_the_page_of_several_configurations_names_and_draws_each() -> None:
    study = search_several()
    page, summary = render_page(study), summarize(study)
    assert html.escape(describe_configurations(summary)) in page
    for title in (
        "what each one cost",
        "each at its best rate",
        "configuration 1, the best of 3: quality 1",
    ):
        assert title in page
    for configuration in summary.configurations:
        assert f"<td>{configuration.number}</td><td>{configuration.result}</td>" in page
