"""A study in plain text fits the terminal, and nothing is cut."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from figure_data import search, search_several

from optuna_bisect.bracket import Bracket
from optuna_bisect.figures.progress import Progress, read_progress
from optuna_bisect.figures.rows import format_params
from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import (
    describe_configurations,
    format_progress,
    format_table,
    format_time,
    format_trial,
    table_of,
    table_of_configurations,
)

LONG = "progress 0.35 of trial 1's at step 27; rate above it, and a sentence that goes on and on"


@pytest.fixture
def row(finished):
    """The longest row that there may be."""
    return replace(
        summarize(finished).rows[0],
        number=112,
        rate=1.234567e-05,
        bracket=Bracket(1.234567e-06, 1.234567e-05),
        steps=(0, 1_234_567),
        losses=(2.3, -1.234567e-05),
        outcome="undershoot",
        reason=LONG,
    )


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_a_table_fits_and_says_every_word(finished, row, width) -> None:
    rows = [*summarize(finished).rows, row]
    text = format_table(table_of(rows), width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for shown in rows:
        for cell in (shown.cells[0], *shown.cells[2:]):
            assert set(cell.split()) <= set(words)
    assert ("reason" in words) == (width > 80)
    assert LONG in " ".join(words) or width == 120


def test_a_column_without_content_is_left_out(finished) -> None:
    rows = [replace(row, bracket=None) for row in summarize(finished).rows]
    assert "bracket" not in format_table(table_of(rows), 120)
    assert format_table(table_of([]), 80) == ""


def test_a_line_says_rate_verdict_reason_and_bracket(row) -> None:
    bracket = "(bracket 1.23e-06 .. 1.23e-05)"
    assert format_trial(row) == f"trial 112: rate 1.23e-05, undershoot: {LONG} {bracket}"
    plain = replace(row, bracket=None, reason="", outcome="complete")
    assert format_trial(plain) == "trial 112: rate 1.23e-05, complete"


def test_the_line_of_progress_says_what_counts_in_80_columns(row) -> None:
    progress = Progress(1, (row,), 11, 0.999, 3_723.0, is_complete=False)
    text = format_progress(progress, 80)
    assert len(text) <= 80
    for part in (
        "phase 1, probe 112",
        "rate 1.2e-05",
        "1.2e-06 .. 1.2e-05",
        "99 %",
        "1:02:03 left",
    ):
        assert part in text
    whole = format_progress(progress)
    assert "reported -1.23e-05" in whole
    assert "[" not in whole


def test_what_is_left_of_the_width_is_a_bar(row) -> None:
    progress = Progress(2, (replace(row, is_final=True),), 5, 0.5, 20.0, is_complete=False)
    for width in range(90, 140):
        text = format_progress(progress, width)
        assert len(text) <= width
        bar = re.search(r"\[(#*)(-*)\]$", text)
        assert bar is None or abs(len(bar[1]) - len(bar[2])) <= 1
    assert bar is not None
    assert "phase 2, final trial 112" in text


def test_the_rate_of_a_final_trial_is_the_one_that_it_moved_to(row) -> None:
    moved = replace(row, is_final=True, adjustment={"path": [[0, 0.1], [5, 0.025]], "moves": []})
    text = format_progress(Progress(2, (moved,), 5, 0.5, None, is_complete=False))
    assert "rate 0.025" in text
    assert "left" not in text


def test_a_study_that_does_not_run_at_this_moment_has_a_line_too() -> None:
    study = search(n_trials=2)
    assert format_progress(read_progress(study)).startswith("phase 1, 2 probes done, ")
    empty = Progress(None, (), 0, None, None, is_complete=False)
    assert format_progress(empty, 80) == "no trial has begun"


def test_several_running_trials_are_counted(row) -> None:
    progress = Progress(None, (row, row, row), 0, None, None, is_complete=False)
    assert format_progress(progress).startswith("trial 112 and 2 more, rate")


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (62.4, "1:02"), (90_000, "25:00:00")])
def test_times_are_said_as_on_a_clock(seconds, text) -> None:
    assert format_time(seconds) == text


def test_the_configurations_are_told_with_counts_and_reasons(several) -> None:
    summary = summarize(several)
    text = describe_configurations(summary)
    assert text.startswith(f"3 configurations were searched, together for {summary.cost:.3g} of")
    assert f"configuration {summary.leading.number} is the best" in text
    n_dropped = sum(c.result == "dropped" for c in summary.configurations)
    assert f"{n_dropped} dropped early, behind a better one at equal steps" in text
    assert "3 of 5" not in text
    begun = describe_configurations(summarize(search_several(n_trials=1)))
    assert begun.startswith("1 of 3 configurations were searched")


def test_a_single_configuration_needs_no_words_of_its_own(finished) -> None:
    summary = summarize(finished)
    assert describe_configurations(summary) == ""
    assert table_of_configurations(summary) == []
    assert "config" not in table_of(summary.rows)[0]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_of_configurations_begins_with_the_winner_and_fits(several, width) -> None:
    summary = summarize(several)
    header, first, *others = table_of_configurations(summary)
    assert first[header.index("result")] == "winner"
    assert first[header.index("config")] == str(summary.leading.number)
    assert [line[1] for line in others][-1] == "dropped"
    for c in summary.configurations:
        (line,) = [line for line in (first, *others) if line[0] == str(c.number)]
        assert line[header.index("steps")] == str(c.n_steps)
        assert format_params(c.params) in line[-1]
        assert (c.reason in line[-1]) == (c.result == "dropped")
    text = format_table([header, first, *others], width)
    assert max(map(len, text.splitlines())) <= width


def test_trials_of_several_configurations_say_which(several) -> None:
    summary = summarize(several)
    header, *lines = table_of(summary.rows)
    assert header[1] == "config"
    assert [line[1] for line in lines] == [str(row.search) for row in summary.rows]
    row = summary.rows[-1]
    told = format_trial(row, is_several=True)
    assert told.startswith(f"trial {row.number} of configuration {row.search}: rate")


def test_progress_counts_the_configurations_where_there_is_room(row) -> None:
    progress = Progress(1, (row,), 11, 0.5, 60.0, is_complete=False, configurations=(4, 12))
    assert "configuration 4 of 12" in format_progress(progress)
    assert len(format_progress(progress, 70)) <= 70
