"""The page of a study shows everything and needs no network."""

from __future__ import annotations

import html
import re

import optuna
from figure_data import add_trial

from optuna_bisect.figures.page import render_page
from optuna_bisect.figures.summary import summarize


def test_the_page_holds_figures_conclusion_and_table(finished) -> None:
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
