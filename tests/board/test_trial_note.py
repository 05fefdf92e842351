"""What the note of a trial says."""

from __future__ import annotations

from dataclasses import replace

import optuna
from figure_data import search

from optuna_bisect.board.trial_note import format_trial_note
from optuna_bisect.figures.summary import summarize


def test_verdict_reason_and_bracket_come_first_in_words() -> None:
    summary = summarize(search())
    row = next(r for r in summary.probes if r.outcome == "overshoot")
    note = format_trial_note(summary, row)
    assert note.startswith(f"### Too high (overshoot): learning rate {row.rate:.3g}")
    assert row.reason[1:] in note
    assert f"{row.bracket.low:.3g} .. {row.bracket.high:.3g}" in note
    assert f"· trial {summary.winner.number}, the best probe" in note


def test_the_winner_is_not_drawn_beside_itself_and_the_final_lists_its_moves() -> None:
    summary = summarize(search())
    winner = next(r for r in summary.rows if r.number == summary.winner.number)
    assert "best probe" not in format_trial_note(summary, winner)
    moves = {"path": [], "moves": [[10 * i, 0.1, "overshoot"] for i in range(30)]}
    note = format_trial_note(summary, replace(summary.final, adjustment=moves))
    assert "| 290 | 0.1 | overshoot |" in note
    assert "| 90 |" not in note


def test_a_trial_without_reports_or_reason_has_a_note_too() -> None:
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("lr", 1e-3, 1.0, log=True), n_trials=1)
    summary = summarize(study)
    assert "Complete: learning rate" in format_trial_note(summary, summary.rows[0])
